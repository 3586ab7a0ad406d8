/* The packets of messages at QoS 2 that are in flight, kept in the file of --resume and shown to Paho as its
 * persistence (MQTTClientPersistence.h). So a publisher that was killed goes on with the same session and the
 * same packet ids, by which the broker knows what it has already (MQTT 5 section 4.3.3).
 *
 * Each message has to carry its number as user property `seq`, the last of that name: it tells a packet's
 * slot.
 *
 * Threads: Paho calls the store under its own locks, from any thread; what is declared here is for one thread
 * but where it says otherwise. */
#ifndef ROOMSTREAM_RESUME_PACKETS_H
#define ROOMSTREAM_RESUME_PACKETS_H

#include "resume.h"

#include <MQTTClientPersistence.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resume_packets;

/* `waiting` is how many messages Paho may have taken and not sent yet. resume outlives the packets. NULL when
 * memory is exhausted. */
struct resume_packets *resume_packets_new(struct resume *resume, size_t waiting);
void resume_packets_free(struct resume_packets *packets);

/* For mqtt_session.persistence; lives as long as the packets, which outlive the connection. */
MQTTClient_persistence *resume_packets_store(struct resume_packets *packets);

/* How many were sent, now or before this process, and are not known to have arrived. Any thread. */
size_t resume_packets_in_doubt(const struct resume_packets *packets);

/* Whether any process has sent one, since the file was made and the machine started. One thread, before
 * connecting. */
bool resume_packets_used(const struct resume_packets *packets);

/* `settled` is called, on any thread, whenever nothing is in doubt any more. Call before connecting. */
void resume_packets_watch(struct resume_packets *packets, void (*settled)(void *context), void *context);

/* The broker has lost the session: what is in doubt has to be sent anew. Returns how many those are. Any
 * thread, while Paho sends nothing. */
size_t resume_packets_forget(struct resume_packets *packets);

/* Whether the broker has the message. Of messages after the position, and up to slot_count of them. */
bool resume_packets_done(const struct resume_packets *packets, uint64_t number);

/* The number up to which the broker has all messages, the position being one that it had. */
uint64_t resume_packets_done_through(const struct resume_packets *packets, uint64_t position);

#endif
