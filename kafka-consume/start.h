/* Where in a partition to begin: what -o says. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_START_H
#define ROOMSTREAM_KAFKA_CONSUME_START_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct start {
    enum { START_BEGINNING, START_STORED, START_END, START_OFFSET, START_TAIL, START_TIME } kind;
    int64_t value; /* OFFSET: the offset; TAIL: messages before the end; TIME: ms since 1970 */
};

/* Reads beginning or earliest, end or latest, stored, N, -N, or s@TIME with TIME in ms since 1970 or as
 * 2026-11-25T10:00:00Z. False with *error for anything else. */
bool start_parse(const char *text, struct start *start, struct error *error);

#endif
