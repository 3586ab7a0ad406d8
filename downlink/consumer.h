/* The Kafka side: a member of the consumer group. It joins when told to, and stays in the group whatever else
 * happens. For the main thread.
 *
 * Lifecycle: consumer_open; consumer_join once; consumer_serve now and then; consumer_close. */
#ifndef ROOMSTREAM_DOWNLINK_CONSUMER_H
#define ROOMSTREAM_DOWNLINK_CONSUMER_H

#include "partitions.h"
#include "settings.h"

struct consumer;

/* What the consumer needs of its owner. */
struct consumer_owner {
    void *context;
    /* Partitions are about to go to another member: waits for what is in flight, for `ns` at most. */
    void (*settle)(void *context, int64_t ns);
    /* The client ends: messages of it that are no longer ours to settle must be destroyed. */
    void (*let_go)(void *context);
};

/* `event` is raised when there is something to serve or to take. NULL with *error: a Kafka property is wrong,
 * or there is no memory. All arguments outlive the consumer. */
struct consumer *consumer_open(const struct downlink_settings *settings, const struct consumer_owner *owner,
                               int event, struct counts *counts, struct error *error);

/* Joins the group. False with *error. */
bool consumer_join(struct consumer *consumer, struct error *error);

/* The partitions that it has, for the caller to take messages of. */
struct partitions *consumer_partitions(struct consumer *consumer);

/* Serves what Kafka says: the group, answers to commits, errors. Does not wait. */
void consumer_serve(struct consumer *consumer);

/* Has Kafka failed for good? The reason has been logged. */
bool consumer_has_failed(const struct consumer *consumer);

struct consumer_state {
    const char *name;    /* connecting, connected, unreachable */
    const char *trouble; /* "" for none; valid until the next call of another function */
};

struct consumer_state consumer_state(const struct consumer *consumer);

/* Commits what is done, and leaves the group. False when librdkafka does not end: what the consumer refers to
 * must then stay. NULL is allowed. */
bool consumer_close(struct consumer *consumer);

#endif
