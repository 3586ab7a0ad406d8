/* JSON written piece by piece (RFC 8259), without copies and without allocations, for programs that print
 * many messages a second. json_text.h builds whole values and reads JSON. */
#ifndef ROOMSTREAM_CORE_JSON_STREAM_H
#define ROOMSTREAM_CORE_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes one piece; pieces come in order and are valid during the call only. */
typedef void json_write(void *context, const void *data, size_t length);

/* Writes the bytes as a string with its quotes. They are UTF-8 (json_is_text); NUL bytes are allowed. */
void json_write_string(json_write *write, void *context, const void *bytes, size_t length);

/* Writes the member "name":"...", or, where the bytes are not UTF-8, "name_base64":"..." with their base64
 * (RFC 4648 section 4). The name needs no escapes. */
void json_write_bytes(json_write *write, void *context, const char *name, const void *bytes, size_t length);

/* Writes a whole number into text, which is not terminated, and returns its length. */
#define JSON_NUMBER_SIZE 20
size_t json_number(int64_t number, char text[static JSON_NUMBER_SIZE]);

/* Are the bytes UTF-8 (RFC 3629)? */
bool json_is_text(const void *bytes, size_t length);

#endif
