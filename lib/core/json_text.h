/* Bytes as JSON values, on jansson. */
#ifndef ROOMSTREAM_JSON_TEXT_H
#define ROOMSTREAM_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* Sets object[name] to the bytes as a string, or, where they are not valid UTF-8, object[name_base64] to
 * their base64. Aborts when memory is exhausted. */
void json_set_bytes(json_t *object, const char *name, const void *bytes, size_t length);

#endif
