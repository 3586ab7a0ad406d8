/* What stands in the flags and the properties of a SPOOL_MESSAGE. The spool does not look at them: those who
 * write and read messages agree on it here. The properties are a list of headers in one piece of bytes. Each
 * header: length of the name (2 bytes, little-endian), length of the value (4), name, value. */
#ifndef ROOMSTREAM_SPOOL_MESSAGE_H
#define ROOMSTREAM_SPOOL_MESSAGE_H

#include "spool.h"

#include <stdbool.h>
#include <stddef.h>

/* A message's flags: its QoS, the RETAIN and DUP flags of its PUBLISH, and whether only its beginning is
 * there: then its reason says why, and Kafka must never get it. */
enum { MESSAGE_QOS = 0x03, MESSAGE_RETAINED = 0x04, MESSAGE_DUPLICATE = 0x08, MESSAGE_CUT = 0x10 };

struct header {
    const char *name; /* not NUL-terminated; at most 65,535 bytes */
    size_t name_length;
    const void *value;
    size_t value_length;
};

/* A list of headers that grows to the longest one and is used again: set length to 0 to begin.
 * Zero-initialize it, free(data) at the end. */
struct header_list {
    unsigned char *data;
    size_t length, size;
};

/* Where memory is exhausted the process ends: a message without all of its headers must not be acknowledged.
 */
void header_list_add(struct header_list *list, const struct header *header);

/* Takes the next header off `rest`, which points into a record. False at the end (or where the bytes are none
 * of header_list_add's). */
bool header_next(struct spool_bytes *rest, struct header *header);

#endif
