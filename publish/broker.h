/* The broker as a publisher sees it: an MQTT connection with an outbox before it, and what all its messages
 * have in common. Threads: its own callbacks report to the outbox; everything else is for the owner of the
 * outbox.
 */
#ifndef ROOMSTREAM_PUBLISH_BROKER_H
#define ROOMSTREAM_PUBLISH_BROKER_H

#include "core/error.h"
#include "mqtt/settings.h"
#include "outbox.h"
#include "settings.h"

struct broker;

/* Starts connecting; the broker may be down. `program` is for client ids made up; payloads are of payload_max
 * bytes at most. With MQTT 5 a message has its content type and, as user properties, its node as `key`, those
 * of the settings, and with --resume its number as `seq`, the last of that name. Everything pointed to
 * outlives the broker. NULL with *error when settings are wrong or memory is exhausted. */
struct broker *broker_open(const char *program, const struct publish_settings *settings,
                           const struct mqtt_settings *mqtt, size_t payload_max, struct error *error);

/* The outbox is woken when the connection comes, goes, or fails for good. */
struct outbox *broker_outbox(struct broker *broker);

bool broker_connected(const struct broker *broker);

/* True when going on makes no sense, e.g. because the broker refused a message; why has been logged. */
bool broker_failed(const struct broker *broker);

/* Disconnects and frees everything, waiting at most `timeout` ns. The session ends.
 * False when that did not end in time: callbacks may still come then, and the process should
 * exit. */
bool broker_close(struct broker *broker, int64_t timeout);

#endif
