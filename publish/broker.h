/* The broker as a publisher sees it: an MQTT connection with an outbox before it, and what all its messages
 * have in common. Threads: its own callbacks report to the outbox; everything else is for the owner of the
 * outbox.
 */
#ifndef ROOMSTREAM_PUBLISH_BROKER_H
#define ROOMSTREAM_PUBLISH_BROKER_H

#include "columns.h"
#include "core/error.h"
#include "core/text.h"
#include "mqtt/settings.h"
#include "outbox.h"

struct broker_settings {
    const struct mqtt_settings *mqtt;
    const char *topic;
    int qos;
    bool retain;
    size_t window;                 /* most messages in flight; the broker's receive maximum may lower it */
    size_t payload_max;            /* bytes */
    const char *content_type;      /* MQTT 5, as is all that follows */
    const struct columns *columns; /* each one's node is the user property `key` of its messages */
    const struct text_list *properties; /* further user properties as NAME=VALUE */
    bool numbered; /* each message carries its number as user property `seq`, the last of that name */
};

struct broker;

/* Starts connecting; the broker may be down. `program` is for client ids made up. Everything pointed to
 * outlives the broker. NULL with *error when settings are wrong or memory is exhausted. */
struct broker *broker_open(const char *program, const struct broker_settings *settings, struct error *error);

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
