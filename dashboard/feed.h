/* Reads topics from Kafka into the room, without a group: the messages of some time back, and what follows.
 * Topics and partitions may come later, and Kafka may be away at any time. A thread of its own.
 *
 * Lifecycle: feed_open -> feed_state, any thread -> feed_close. */
#ifndef ROOMSTREAM_DASHBOARD_FEED_H
#define ROOMSTREAM_DASHBOARD_FEED_H

#include "core/error.h"
#include "kafka/client.h"
#include "room.h"

struct feed;

struct feed_settings {
    const struct kafka_settings *kafka;
    const struct text_list *topics; /* as the room has them */
    int64_t history;                /* ns: how far back, by Kafka's timestamps */
};

/* Begins to read. What it is given outlives it. NULL with *error: a Kafka property is wrong, or there is no
 * memory or thread. */
struct feed *feed_open(const struct feed_settings *settings, struct room *room, struct error *error);

struct feed_state {
    bool connected;    /* Kafka answers */
    bool caught_up;    /* all that was there at the start is read */
    char trouble[256]; /* what is wrong, or ""; UTF-8 */
};

struct feed_state feed_state(struct feed *feed);

/* ns since the last step of its thread, which never waits longer than a few seconds. Any thread. */
int64_t feed_still(struct feed *feed);

/* Ends the thread, within some seconds, and frees. False when Kafka's library does not let go: the room must
 * stay. NULL is allowed. */
bool feed_close(struct feed *feed);

#endif
