/* What librdkafka tells about itself (its STATISTICS.md): the forwarder's thread keeps the latest text, the
 * monitor's reads it when somebody asks. So the forwarder never parses. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_KAFKA_STATISTICS_H
#define ROOMSTREAM_BRIDGE_SEEN_KAFKA_STATISTICS_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct kafka_statistics {
    pthread_mutex_t mutex; /* guards: */
    char *text;            /* not read yet, or NULL; librdkafka's memory */
    int64_t taken;         /* monotonic ns of the last text, 0: none came yet */
    int64_t connected;     /* monotonic ns of the last text with a connection that is up, 0: none */
    json_t *latest;        /* the reader's: of the last text that was read */
};

void kafka_statistics_init(struct kafka_statistics *statistics);
void kafka_statistics_free(struct kafka_statistics *statistics);

/* Takes over librdkafka's text, or NULL for none: a new producer begins. The forwarder's thread. */
void kafka_statistics_take(struct kafka_statistics *statistics, char *text);

/* The latest statistics, or NULL when there are none; *age is how old they are in ns. Valid until the next
 * call. One thread. */
const json_t *kafka_statistics_read(struct kafka_statistics *statistics, int64_t *age);

/* Was a connection to one of the brokers up in the latest statistics, or in those of some seconds before?
 * Brokers close connections that are idle, and librdkafka connects again within a second or two. Any thread.
 */
bool kafka_statistics_is_connected(struct kafka_statistics *statistics);

/* Is this one of the cluster's brokers (rather than librdkafka's own helpers), as it stands in "brokers"? */
bool kafka_statistics_is_broker(const json_t *broker);
bool kafka_statistics_is_up(const json_t *broker);

#endif
