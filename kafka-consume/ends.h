/* Where --until-end ends: the end of each partition when this process first got it. One thread.
 *
 * Lifecycle: zero-initialized, then ends_assign whenever the partitions change, ends_complete while it is
 * due, ends_take for each message and ends_reach for each RD_KAFKA_RESP_ERR__PARTITION_EOF, ends_free. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_ENDS_H
#define ROOMSTREAM_KAFKA_CONSUME_ENDS_H

#include "core/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct ends {
    rd_kafka_topic_partition_list_t *ahead; /* partitions whose end was not reached, with their ends */
    rd_kafka_topic_partition_list_t *known; /* all ends; NULL: none */
    bool due;                               /* some of `ahead` are unknown */
    /* Of the last message, since messages of one partition come in runs. */
    const rd_kafka_topic_t *topic;
    int32_t partition;
    int64_t end;
};

/* From now on these partitions are read. */
void ends_assign(struct ends *ends, const rd_kafka_topic_partition_list_t *partitions);

/* Asks Kafka for unknown ends, when it is due. Until then only the EOF of a partition is its end. Blocks for
 * about a second at most; false with *error when Kafka does not answer. */
bool ends_complete(struct ends *ends, rd_kafka_t *rk, struct error *error);

/* Must the message be printed: is it before the end? At the last one, or after it, the end is reached. */
bool ends_take(struct ends *ends, rd_kafka_t *rk, const rd_kafka_message_t *message);

/* The end of that partition is reached: fetching it pauses. */
void ends_reach(struct ends *ends, rd_kafka_t *rk, const rd_kafka_topic_t *topic, int32_t partition);

/* Are all reached? */
bool ends_all_reached(const struct ends *ends);

/* Also for one that is zeroed. */
void ends_free(struct ends *ends);

#endif
