#include "postgres_copy.h"

#include "core/clock.h"
#include "core/recorded_time.h"

#include <endian.h>
#include <string.h>

enum { BUFFER = 64 * 1024, READING_COLUMNS = 10, WHOLE_COLUMNS = 7 };

/* Seconds from 1970 to 2000, where PostgreSQL's times begin. */
static const int64_t epoch = 946684800;

struct copy {
    PGconn *connection;
    const struct postgres_wait *wait;
    struct error *error;
    bool failed;
    size_t used;
    char buffer[BUFFER];
};

static const char *const statements[] = {
    [MESSAGE_READINGS] =
        "COPY reading (topic, key, time, value, text, unit, occupancy, seq, kafka_partition, "
        "kafka_offset) FROM STDIN WITH (FORMAT binary)",
    [MESSAGE_REJECT] = "COPY reject (topic, kafka_partition, kafka_offset, kafka_time, reason, key, payload) "
                       "FROM STDIN WITH (FORMAT binary)",
    [MESSAGE_RAW] = "COPY message (topic, kafka_partition, kafka_offset, kafka_time, headers, key, payload) "
                    "FROM STDIN WITH (FORMAT binary)",
};

const char *postgres_copy_statement(enum message_kind kind)
{
    return statements[kind];
}

/* ---- bytes ---- */

static void send_bytes(struct copy *copy, const void *bytes, size_t length)
{
    copy->failed =
        copy->failed || !postgres_copy_put(copy->connection, bytes, length, copy->wait, copy->error);
}

static void flush(struct copy *copy)
{
    send_bytes(copy, copy->buffer, copy->used);
    copy->used = 0;
}

static void put(struct copy *copy, const void *bytes, size_t length)
{
    const size_t piece = 1 << 20;
    if (length > BUFFER - copy->used)
        flush(copy);
    if (length <= BUFFER) {
        memcpy(copy->buffer + copy->used, bytes, length);
        copy->used += length;
        return;
    }
    for (const char *at = bytes; length > 0; at += piece) {
        size_t part = length < piece ? length : piece;
        send_bytes(copy, at, part);
        length -= part;
    }
}

static void put_16(struct copy *copy, int16_t value)
{
    uint16_t wire = htobe16((uint16_t)value);
    put(copy, &wire, sizeof wire);
}

static void put_32(struct copy *copy, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    put(copy, &wire, sizeof wire);
}

static void put_64(struct copy *copy, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    put(copy, &wire, sizeof wire);
}

/* ---- columns: the length of each stands before it ---- */

static void put_null(struct copy *copy)
{
    put_32(copy, -1);
}

static void put_integer(struct copy *copy, int32_t value)
{
    put_32(copy, sizeof value);
    put_32(copy, value);
}

static void put_bigint(struct copy *copy, bool there, int64_t value)
{
    if (!there) {
        put_null(copy);
        return;
    }
    put_32(copy, sizeof value);
    put_64(copy, value);
}

static void put_double(struct copy *copy, bool there, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_bigint(copy, there, bits);
}

static void put_text(struct copy *copy, struct bytes text)
{
    if (!text.at) {
        put_null(copy);
        return;
    }
    put_32(copy, (int32_t)text.length);
    put(copy, text.at, text.length);
}

static void put_string(struct copy *copy, const char *text)
{
    put_text(copy, (struct bytes){text, strlen(text)});
}

/* Microseconds; what is beyond them is cut off. */
static void put_time(struct copy *copy, int64_t ns)
{
    int64_t us = ns / MICROSECOND - (ns % MICROSECOND < 0);
    put_bigint(copy, true, us - epoch * (SECOND / MICROSECOND));
}

static void put_kafka_time(struct copy *copy, int64_t ms)
{
    const int64_t longest = INT64_MAX / MILLISECOND;
    if (ms >= 0 && ms <= longest && recorded_time_fits(ms * MILLISECOND))
        put_time(copy, ms * MILLISECOND);
    else
        put_null(copy);
}

/* jsonb: its version, 1, and JSON as text. */
static void put_jsonb(struct copy *copy, struct bytes json)
{
    put_32(copy, (int32_t)json.length + 1);
    put(copy, "\1", 1);
    put(copy, json.at, json.length);
}

/* ---- rows ---- */

static void put_reading(struct copy *copy, const struct part *part, const struct message *message,
                        const struct reading *reading)
{
    put_16(copy, READING_COLUMNS);
    put_string(copy, part->topic);
    put_text(copy, reading->key);
    put_time(copy, reading->time);
    put_double(copy, reading->has_value, reading->value);
    put_text(copy, reading->text);
    put_text(copy, reading->unit);
    put_bigint(copy, reading->has_occupancy, reading->occupancy);
    put_bigint(copy, reading->has_seq, reading->seq);
    put_integer(copy, part->partition);
    put_bigint(copy, true, message->offset);
}

static void put_whole(struct copy *copy, const struct part *part, const struct message *message)
{
    put_16(copy, WHOLE_COLUMNS);
    put_string(copy, part->topic);
    put_integer(copy, part->partition);
    put_bigint(copy, true, message->offset);
    put_kafka_time(copy, message->timestamp);
    if (message->kind == MESSAGE_RAW)
        put_jsonb(copy, message->headers);
    else
        put_string(copy, message->reason);
    put_text(copy, message->key);
    put_text(copy, message->payload);
}

static void put_message(struct copy *copy, const struct batch *batch, const struct message *message)
{
    const struct part *part = &batch->parts[message->part];
    if (message->kind != MESSAGE_READINGS)
        put_whole(copy, part, message);
    for (size_t i = 0; i < message->count; i++)
        put_reading(copy, part, message, &batch->readings[message->first + i]);
}

bool postgres_copy_messages(PGconn *connection, enum message_kind kind, const struct database_work *work,
                            const struct postgres_wait *wait, struct error *error)
{
    static const char signature[] = "PGCOPY\n\377\r\n"; /* and a NUL */
    struct copy copy = {.connection = connection, .wait = wait, .error = error};
    put(&copy, signature, sizeof signature);
    put_32(&copy, 0); /* flags */
    put_32(&copy, 0); /* length of more header */
    for (size_t i = work->first; i < work->end && !copy.failed; i++)
        if (work->batch->messages[i].kind == kind)
            put_message(&copy, work->batch, &work->batch->messages[i]);
    put_16(&copy, -1);
    flush(&copy);
    return !copy.failed;
}
