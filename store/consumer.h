/* The thread that reads Kafka: a member of the consumer group, which begins in each partition at the position
 * in the database. While the database is away it stays in the group, but reads nothing more. For the caller's
 * thread. */
#ifndef ROOMSTREAM_STORE_CONSUMER_H
#define ROOMSTREAM_STORE_CONSUMER_H

#include "handover.h"
#include "progress.h"
#include "settings.h"

struct consumer;

/* NULL with *error: a Kafka property is wrong, or there is no memory. All arguments outlive the consumer. */
struct consumer *consumer_open(const struct store_settings *settings, struct progress *progress,
                               struct error *error);

/* The handover from which the writer gets its work. */
struct handover *consumer_handover(struct consumer *consumer);

/* Reads until stopping is asked for (core/stop.h); calls tick about once a second. False when Kafka has
 * failed for good. */
bool consumer_run(struct consumer *consumer, void (*tick)(void *context), void *context);

/* Gives the writer what was read, within `ns`. False: the writer has nothing to write. */
bool consumer_drain(struct consumer *consumer, int64_t ns);

/* Leaves the group. After the writer is closed. False when librdkafka does not end: what the consumer refers
 * to must then stay. */
bool consumer_close(struct consumer *consumer);

#endif
