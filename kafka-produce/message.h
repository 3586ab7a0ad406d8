/* A line as a Kafka message: the value, key and value apart, or a JSON object. */
#ifndef ROOMSTREAM_KAFKA_PRODUCE_MESSAGE_H
#define ROOMSTREAM_KAFKA_PRODUCE_MESSAGE_H

#include "core/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message_format {
    const char *key_delimiter; /* NULL: lines have no key */
    size_t key_delimiter_length;
    bool empty_is_null; /* keys and values that are empty become null */
    bool json;          /* lines are objects, see message_read */
};

struct message {
    const void *key, *value; /* NULL: null. They point into the line or to what `own` has */
    size_t key_length, value_length;
    int64_t timestamp; /* ms since 1970; 0: now */
    rd_kafka_headers_t
        *headers; /* the line's own; NULL: none. the caller frees them, unless message_free does */
    void *own[2];
};

/* Makes the line a message, which points into the line. A JSON object has
 *
 * - "value": text, null (a tombstone), or "value_base64"; one of them is needed
 * - "key", "key_base64": the same, both may be missing
 * - "headers": a list of {"name":...,"value":...}, with value_base64 or null too, or an object of names and
 * texts
 * - "timestamp": ms since 1970, or null for the present time; 0 becomes 1, since for librdkafka 0 is the
 * present time
 * - "topic", "partition", "offset", which kafka-consume prints, are ignored
 *
 * and nothing else. False with *error: what is wrong with the line; nothing is to be freed then. */
bool message_read(const struct message_format *format, const char *line, size_t length,
                  struct message *message, struct error *error);

void message_free(struct message *message);

/* Adds a header, its value null where there is none. Aborts when memory is exhausted. */
void message_add_header(rd_kafka_headers_t *headers, const char *name, size_t name_length, const void *value,
                        size_t value_length);

#endif
