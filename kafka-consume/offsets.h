/* Asks Kafka for the offsets of partitions. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_OFFSETS_H
#define ROOMSTREAM_KAFKA_CONSUME_OFFSETS_H

#include "core/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/* Beside times (Kafka's protocol, ListOffsets): where a partition begins and where what can be read of it
 * ends, which is before transactions that are open unless isolation.level is read_uncommitted. */
enum { OFFSET_OF_END = -1, OFFSET_OF_BEGINNING = -2 };

/* Sets the offset of each partition in the list to that of its first message of the time (ms since 1970) or
 * later, where there is none to the end; or to what the enum above means. Blocks for about two seconds at
 * most. False with *error. */
bool offsets_look_up(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t time,
                     struct error *error);

#endif
