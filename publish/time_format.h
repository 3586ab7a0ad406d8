/* How a file writes the time of a row. */
#ifndef ROOMSTREAM_PUBLISH_TIME_FORMAT_H
#define ROOMSTREAM_PUBLISH_TIME_FORMAT_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct time_format {
    enum time_kind { TIME_ISO, TIME_UNIX, TIME_UNIX_MS, TIME_PATTERN } kind;
    const char *pattern; /* of TIME_PATTERN: as for strptime(3), and %f for decimals of the second */
};

/* Reads iso, unix, unix-ms, or a pattern, which must have a % and give a full date; it outlives the format.
 * False with *error otherwise. */
bool time_format_parse(const char *text, struct time_format *format, struct error *error);

/* Reads a time. False when it is none of that format, or not from 1678 to 2261; else *ns is the instant since
 * 1970-01-01, and *utc whether the text names a zone (else it is taken as UTC). */
bool time_format_read(const struct time_format *format, const char *text, int64_t *ns, bool *utc);

/* A time as the format wants it, for messages. */
const char *time_format_example(const struct time_format *format);

#endif
