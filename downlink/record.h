/* A Kafka message, read from Kafka or from a dead letter. It points into its source and into the buffer that
 * it was made with. */
#ifndef ROOMSTREAM_DOWNLINK_RECORD_H
#define ROOMSTREAM_DOWNLINK_RECORD_H

#include "spool/message.h"
#include "spool/spool_record.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
    const char *topic; /* Kafka's */
    int32_t partition;
    int64_t offset;
    int64_t timestamp;        /* ms since 1970; -1: none */
    struct spool_bytes key;   /* no data: none */
    struct spool_bytes value; /* a tombstone has length 0 */
    const struct header *headers;
    size_t header_count;
};

/* Zero-initialize it, record_space_free at the end. One record at a time. */
struct record_space {
    struct header *headers;
    size_t room;
    char topic[256];
    struct header_list letter;
};

void record_space_free(struct record_space *buffer);

struct record record_from_kafka(struct record_space *buffer, const rd_kafka_message_t *message);

/* The record as a dead letter: the letter's topic is Kafka's, its payload the value. Its properties are first
 * kafka.partition, kafka.offset, kafka.timestamp and kafka.key (kafka.no-key where there is none), then the
 * headers. The id follows from topic, partition and offset: the same message becomes the same letter. `flags`
 * are those of spool/message.h. */
struct spool_record record_to_letter(struct record_space *buffer, const struct record *record, uint8_t flags,
                                     const char *reason);

/* The reverse. False for a letter that record_to_letter has not made. */
bool record_from_letter(struct record_space *buffer, const struct spool_record *letter,
                        struct record *record);

/* The first header of that name; NULL: there is none. */
const struct header *record_header(const struct record *record, const char *name, size_t length);

#endif
