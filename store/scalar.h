/* A value in a payload, and its conversion for a column of the table. The functions return false with *error,
 * in which `what` names the value, where it is wrong. */
#ifndef ROOMSTREAM_STORE_SCALAR_H
#define ROOMSTREAM_STORE_SCALAR_H

#include "batch.h"

#include "core/error.h"

struct scalar {
    enum scalar_kind {
        SCALAR_ABSENT,
        SCALAR_NULL,
        SCALAR_FALSE,
        SCALAR_TRUE,
        SCALAR_NUMBER,
        SCALAR_TEXT,
        SCALAR_OTHER, /* an object or an array */
    } kind;
    struct bytes text; /* of numbers and texts, in a batch's memory: a NUL follows */
};

/* The nearest double. Values beyond its range, or nearer to 0 than any double, are wrong. */
bool scalar_to_double(const struct scalar *scalar, const char *what, double *value, struct error *error);

/* A whole number of 64 bits: 7, 7.0 and 7e0 are one. */
bool scalar_to_integer(const struct scalar *scalar, const char *what, int64_t *value, struct error *error);

/* A text of UTF-8 without NUL bytes, which both databases hold. */
bool scalar_check_text(struct bytes text, const char *what, struct error *error);

/* ISO 8601 or RFC 3339, without a zone as UTC, or a number of `unit` ns since 1970-01-01 UTC. From 1678 to
 * 2261. */
bool scalar_to_time(const struct scalar *scalar, int64_t unit, int64_t *ns, struct error *error);

/* A number of units as ns, whatever is possible in 64 bits; false beyond. */
bool scalar_to_ns(const struct scalar *scalar, int64_t unit, int64_t *ns);

#endif
