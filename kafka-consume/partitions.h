/* Consumption without a group: partitions of topics, from an offset that the user chose. One thread. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_PARTITIONS_H
#define ROOMSTREAM_KAFKA_CONSUME_PARTITIONS_H

#include "settings.h"

struct partitions;

/* NULL with *error. The client must outlive it. */
struct partitions *partitions_new(rd_kafka_t *rk, const struct consume_settings *settings,
                                  struct error *error);

/* Stops the consumption and frees. NULL is allowed. */
void partitions_free(struct partitions *partitions);

enum partitions_result {
    PARTITIONS_STARTED,
    PARTITIONS_LATER,   /* Kafka does not answer: try again; *error says why */
    PARTITIONS_MISSING, /* a topic or the partition does not exist, or is forbidden: *error says which. It may
                           appear later, so try again */
    PARTITIONS_FAILED,  /* *error says why */
};

/* Looks the partitions up and starts to fetch them into the queue. Blocks for about two seconds at most; with
 * START_TAIL as tail_find does, until `deadline` (monotonic ns, 0: none). */
enum partitions_result partitions_start(struct partitions *partitions, rd_kafka_queue_t *queue,
                                        int64_t deadline, struct error *error);

/* Those that were started. Valid as long as the partitions are. */
const rd_kafka_topic_partition_list_t *partitions_list(const struct partitions *partitions);

#endif
