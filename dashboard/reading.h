/* What a chart shows of a message: a JSON object as publish and estimate make it, with the members value or
 * estimate, time, occupancy and unit. Pure functions. */
#ifndef ROOMSTREAM_DASHBOARD_READING_H
#define ROOMSTREAM_DASHBOARD_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    READING_NAME = 48,       /* bytes of a series' name */
    READING_LONGEST = 16384, /* a payload that is longer is not a reading: reading it would take memory */
};

struct reading {
    int64_t time; /* ms since 1970-01-01 */
    double value; /* finite */
    double truth; /* what "occupancy" says, finite */
    bool has_value, has_truth;
    bool estimated;          /* the value is an estimate of the occupancy */
    char unit[16];           /* "" where there is none */
    char name[READING_NAME]; /* of the series: the key, else the node; UTF-8 */
};

/* Bytes as Kafka has them. */
struct reading_bytes {
    const void *at; /* NULL: absent */
    size_t length;
};

/* Reads a message; the time is `kafka_time` (ms) where the payload has none. False when it is not a reading.
 */
bool reading_parse(struct reading_bytes key, struct reading_bytes payload, int64_t kafka_time,
                   struct reading *reading);

/* The bytes as UTF-8 for people to read, in `size` bytes with a NUL: what is not UTF-8 or a control character
 * becomes U+FFFD, and what does not fit ends in an ellipsis. */
void reading_text(struct reading_bytes bytes, char *text, size_t size);

#endif
