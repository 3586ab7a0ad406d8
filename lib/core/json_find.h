/* One value of a JSON text (RFC 8259), on yajl: the text is read as a stream and only up to the value, so
 * memory does not grow with it. */
#ifndef ROOMSTREAM_CORE_JSON_FIND_H
#define ROOMSTREAM_CORE_JSON_FIND_H

#include "json_pointer.h"
#include "text_buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Finds the text or number that the pointer points to: a text without quotes and escapes, a number as it is
 * written. False where there is no such value, where it is something else, or where what stands before it is
 * no JSON. The first of several members of one name counts. `found` then holds it. */
bool json_find(const struct pointer *pointer, const void *text, size_t length, struct text_buffer *found);

#endif
