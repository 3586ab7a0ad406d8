/* The MQTT half of a bridge: subscribes, and puts every message into the spool before it is acknowledged. */
#ifndef ROOMSTREAM_BRIDGE_IN_RECEIVER_H
#define ROOMSTREAM_BRIDGE_IN_RECEIVER_H

#include "bridge/seen/counters.h"
#include "bridge/settings.h"
#include "mqtt/mqtt.h"
#include "spool/spool.h"

#include <stdbool.h>

struct receiver;

/* Connects in the background and receives until receiver_close. All arguments must outlive it. NULL with
 * *error. */
struct receiver *receiver_open(const struct bridge_settings *settings, const char *name, struct spool *spool,
                               struct counters *counters, struct error *error);

/* Disconnects from the broker while the spool is nearly full, and reconnects when there is room again. Call
 * from the main thread when receiver_fd is readable, and every few seconds. */
void receiver_regulate(struct receiver *receiver);

/* Readable when receiver_regulate has something to do; for poll(). */
int receiver_fd(const struct receiver *receiver);

/* The state of the connection to the broker. Any thread. */
enum mqtt_state receiver_state(const struct receiver *receiver);

/* receiver_beat changes with every step towards storing a message, also while one that cannot be stored is
 * retried; while receiver_is_idle, there is none to store. Any thread. */
uint64_t receiver_beat(const struct receiver *receiver);
bool receiver_is_idle(const struct receiver *receiver);

/* True once the connection has failed for good (logged). Any thread. */
bool receiver_failed(const struct receiver *receiver);

/* Disconnects, keeping the session. False when a message could not be stored up to now and its callback still
 * waits: then nothing is freed, and the process must end without returning to it (the broker redelivers the
 * message). */
bool receiver_close(struct receiver *receiver);

#endif
