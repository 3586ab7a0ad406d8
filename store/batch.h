/* Messages on their way from Kafka to the database, read and copied: what one transaction writes, together
 * with the positions behind them. All that it points to lies in its own memory, which is kept for the next
 * use. One thread at a time.
 *
 * Lifecycle: batch_new, then again and again: batch_part and batch_message for each message, with
 * batch_reading for its readings; write it; batch_clear. At the end batch_free. */
#ifndef ROOMSTREAM_STORE_BATCH_H
#define ROOMSTREAM_STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Not NUL-terminated unless it is said. */
struct bytes {
    const char *at; /* NULL: absent */
    size_t length;
};

/* A row of the table reading. */
struct reading {
    struct bytes key;        /* present, perhaps empty */
    struct bytes text, unit; /* may be absent */
    int64_t time;            /* ns since 1970-01-01 UTC */
    double value;            /* finite */
    int64_t occupancy, seq;
    bool has_value, has_occupancy, has_seq;
};

enum message_kind {
    MESSAGE_READINGS, /* read: its rows go to the table reading */
    MESSAGE_RAW,      /* not looked into: to the table message */
    MESSAGE_REJECT,   /* cannot be stored: to the table reject, with the reason */
};

struct message {
    size_t part;       /* of batch->parts */
    int64_t offset;    /* in Kafka */
    int64_t timestamp; /* Kafka's, ms since 1970; -1: none */
    enum message_kind kind;
    size_t first, count;       /* readings of batch->readings */
    struct bytes key, payload; /* as Kafka has them; absent where null */
    struct bytes headers;      /* a JSON array, of MESSAGE_RAW */
    const char *reason;        /* of MESSAGE_REJECT */
};

/* A partition that has messages in this batch. */
struct part {
    size_t id;         /* the consumer's number of the partition */
    const char *topic; /* lives as long as the program */
    int32_t partition;
    int64_t expected; /* the position in the database before this batch */
    int64_t next;     /* behind it */
};

struct batch {
    struct part *parts;
    struct message *messages;
    struct reading *readings;
    size_t part_count, message_count, reading_count;
    size_t bytes;   /* of keys, payloads and headers */
    int64_t oldest; /* the smallest timestamp in ms, 0: none */
    /* its own: */
    size_t recent; /* part: messages of a partition come in runs */
    size_t part_room, message_room, reading_room;
    struct batch_chunk *chunks; /* the newest first */
};

struct batch *batch_new(void);
void batch_free(struct batch *batch);

/* Makes it empty; memory beyond what is usual is given back. */
void batch_clear(struct batch *batch);

/* The part of that id; a new one begins at the position `expected`. */
struct part *batch_part(struct batch *batch, size_t id, const char *topic, int32_t partition,
                        int64_t expected);

/* Appends a message without readings; the pointer is valid until the next call. */
struct message *batch_message(struct batch *batch);

/* Appends a reading, zeroed, to the last message. The pointer is valid until the next call. */
struct reading *batch_reading(struct batch *batch);

/* Makes the last message one that is rejected for that reason, without readings. */
void batch_reject(struct batch *batch, struct message *message, const char *reason);

/* A copy in the batch's memory, with a NUL behind it. Absent stays absent. Ends the process when memory is
 * exhausted. */
struct bytes batch_copy(struct batch *batch, const void *bytes, size_t length);

/* What tells the message at a position from another one at the same offset, of a topic that was created
 * again: a hash of timestamp, key and payload, never 0. */
int64_t batch_mark(int64_t timestamp, struct bytes key, struct bytes payload);

#endif
