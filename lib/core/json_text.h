/* Bytes as JSON values, on jansson. */
#ifndef ROOMSTREAM_CORE_JSON_TEXT_H
#define ROOMSTREAM_CORE_JSON_TEXT_H

#include "error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The text as a JSON string. A byte that is not UTF-8 becomes '?', as where a message was cut. NULL when
 * memory is exhausted. */
json_t *json_text(const char *text);

/* A number that is not negative; a negative one means that it is not known, and becomes null. */
json_t *json_known(double value);

/* Sets object[name] to the bytes as a string, or, where they are not valid UTF-8, object[name_base64] to
 * their base64. Ends the process when memory is exhausted. */
void json_set_bytes(json_t *object, const char *name, const void *bytes, size_t length);

/* Sets object[name_base64], whatever the bytes are. */
void json_set_base64(json_t *object, const char *name, const void *bytes, size_t length);

/* Writes the value with jansson's flags, and with DEL and C1 (U+007F to U+009F) escaped, which JSON allows
 * but which may control the reader's terminal. False when writing failed. */
bool json_print(const json_t *value, FILE *out, size_t flags);

enum json_bytes_result {
    JSON_BYTES_ABSENT, /* no member of either name, or null */
    JSON_BYTES_FOUND,
    JSON_BYTES_WRONG, /* *error says why: not a string, not base64, both names at once */
};

/* The reverse of json_set_bytes: *bytes is then allocated (never NULL when found); the caller frees it. */
enum json_bytes_result json_get_bytes(const json_t *object, const char *name, void **bytes, size_t *length,
                                      struct error *error);

#endif
