/* Messages of a batch that Kafka has refused for good, and those behind it. One message may be at fault, or
 * the batch is too large although no message is. So they are retried in groups: half as many after a refused
 * group, more after an accepted one, until each refused message went alone. It knows the messages and the
 * groups, not how to send. One thread.
 *
 * Lifecycle: zero-initialized; refused_add, in any order; refused_sort; then, while there are messages,
 * refused_group, whose messages are sent, refused_settle for each outcome, and refused_end_group after the
 * last outcome; refused_free. */
#ifndef ROOMSTREAM_KAFKA_PRODUCE_REFUSED_H
#define ROOMSTREAM_KAFKA_PRODUCE_REFUSED_H

#include "message.h"

struct refused_message {
    uint64_t line;
    struct message message; /* its own copy; headers: all of them */
    bool settled;
};

struct refused {
    struct refused_message *items;
    size_t begin, end; /* of the messages in items */
    size_t capacity;
    size_t group;     /* how many at the beginning are sent; 0: none */
    size_t size;      /* of the next group, if there are that many */
    unsigned careful; /* groups of that size that must be accepted before one of twice the size is tried */
    size_t last;      /* the item with the last outcome: outcomes mostly come in order */
};

/* Copies a message from its delivery report, which does not know its timestamp, and takes its headers (NULL:
 * none). Aborts when memory is exhausted: librdkafka has just freed as much. */
void refused_add(struct refused *refused, uint64_t line, int64_t timestamp, const rd_kafka_message_t *message,
                 rd_kafka_headers_t *headers);

/* By line, which is their order in a partition. */
void refused_sort(struct refused *refused);

/* Begins a group; returns its messages, *count of them. They stay where they are until refused_end_group. */
const struct refused_message *refused_group(struct refused *refused, size_t *count);

/* The message of that line, in the group, was accepted, or it has failed: alone, or for another reason. */
void refused_settle(struct refused *refused, uint64_t line, bool taken);

/* The messages without an outcome are kept for smaller groups. */
void refused_end_group(struct refused *refused);

size_t refused_count(const struct refused *refused);

void refused_free(struct refused *refused);

#endif
