/* Where the last N messages of partitions begin. Offsets do not tell: the records at the end may be markers
 * of transactions, or of aborted ones, and compaction leaves gaps. So what lies before the end is read and
 * counted, in slices that begin further and further in front, and nothing of it is kept. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_TAIL_H
#define ROOMSTREAM_KAFKA_CONSUME_TAIL_H

#include "core/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/* Sets each offset in the list to that of the count-th last message that can be read, or the beginning of a
 * partition with less. Needs a consumer with enable.partition.eof, which reads none of the partitions. Takes
 * as long as reading twice as much; ends before, false with *error, when Kafka does not answer or refuses,
 * when stopping is asked for (stop.h) or `deadline` (monotonic ns, 0: none) is over. */
bool tail_find(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t count, int64_t deadline,
               struct error *error);

#endif
