/* Where the last N messages of partitions begin. Offsets do not show that: the records at the end may be
 * markers of transactions, or aborted, and compaction leaves gaps. So the messages before the end are read
 * and counted, in slices that go further and further back. None of them is kept. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_TAIL_H
#define ROOMSTREAM_KAFKA_CONSUME_TAIL_H

#include "core/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/* Sets each offset in the list to that of the count-th last readable message, or to the beginning of a
 * partition with fewer. Needs a consumer with enable.partition.eof, which reads none of the partitions. Takes
 * as long as reading twice that many. Ends earlier, false with *error, when Kafka does not answer or refuses,
 * when a stop is requested (stop.h) or `deadline` (monotonic ns, 0: none) has passed. */
bool tail_find(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t count, int64_t deadline,
               struct error *error);

#endif
