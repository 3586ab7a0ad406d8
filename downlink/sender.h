/* The MQTT side: a connection that publishes, and the outcome of each message.
 *
 * Lifecycle: sender_open; sender_send; sender_outcome for each message sent; sender_close. One thread, the
 * main one. */
#ifndef ROOMSTREAM_DOWNLINK_SENDER_H
#define ROOMSTREAM_DOWNLINK_SENDER_H

#include "blame.h"
#include "settings.h"

#include <MQTTProperties.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sender;

/* Begins to connect; the broker may be down. `event` (core/event.h) is raised when something has changed. The
 * settings outlive the sender. NULL with *error. */
struct sender *sender_open(const struct downlink_settings *settings, int event, struct error *error);

/* Can messages be sent? */
bool sender_is_connected(const struct sender *sender);

/* Has the broker refused the connection for good? The reason has been logged. */
bool sender_has_failed(const struct sender *sender);

/* How often it was connected. */
uint64_t sender_connects(const struct sender *sender);

/* How many messages may be without an outcome now: fewer than the broker's Receive Maximum, or one where they
 * are sent singly. */
size_t sender_limit(struct sender *sender);

/* Publishes, by the settings' QoS and retain. Properties are left out with MQTT 3.1.1. `message` comes back
 * with the outcome; `id` tells whether it was sent before. False: not now. */
bool sender_send(struct sender *sender, const char *topic, const void *payload, size_t length,
                 const MQTTProperties *properties, void *message, struct blame_id id);

enum sender_result {
    SENDER_DONE,     /* PUBACK or PUBCOMP came */
    SENDER_RETURNED, /* the broker has lost the session: send it again */
    SENDER_REFUSED,  /* for good, with the reason */
    SENDER_ENDS,     /* the broker ends the connection at each time that it is sent: blame.h */
    SENDER_LATER,    /* refused for now, with the reason: send it again after a while */
};

struct sender_outcome {
    void *message; /* that of sender_send */
    enum sender_result result;
    int code; /* MQTT 5 section 2.4 */
};

/* The next outcome; false: there is none now. */
bool sender_outcome(struct sender *sender, struct sender_outcome *outcome);

/* "0x87 Not authorized" */
enum { SENDER_REASON_SIZE = 80 };
const char *sender_reason(int code, char text[static SENDER_REASON_SIZE]);

/* Ends the session. False when Paho does not end in time: the process should exit then. NULL is allowed. */
bool sender_close(struct sender *sender);

#endif
