/* One value of a JSON text (RFC 8259), on yajl: the text is read as a stream and only up to the value, so
 * memory does not grow with it. */
#ifndef ROOMSTREAM_CORE_JSON_FIND_H
#define ROOMSTREAM_CORE_JSON_FIND_H

#include "json_pointer.h"

#include <stdbool.h>
#include <stddef.h>

/* A value that was found. Zero-initialize it; json_found_free at the end. It is used again and again. */
struct json_found {
    char *bytes;
    size_t length, size;
};

/* Finds the text or number that the pointer points to: a text without quotes and escapes, a number as it is
 * written. False where there is no such value, where it is something else, or where what stands before it is
 * no JSON. The first of several members of one name counts. */
bool json_find(const struct pointer *pointer, const void *text, size_t length, struct json_found *found);
void json_found_free(struct json_found *found);

#endif
