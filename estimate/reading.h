/* Reads the payload of a message as a reading: {"time":"2017-12-22T10:49:41","node":1,"value":24.94,...}.
 * Whatever else it holds, such as the truth ("occupancy"), is not looked at. */
#ifndef ROOMSTREAM_ESTIMATE_READING_H
#define ROOMSTREAM_ESTIMATE_READING_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reading {
    int64_t time; /* recorded; ns since 1970-01-01 */
    bool utc;     /* the payload names a zone; else the time is local, as it stands */
    int64_t node;
    double value; /* finite */
};

/* False with *error: what is wrong with the payload. */
bool reading_parse(const void *payload, size_t length, struct reading *reading, struct error *error);

#endif
