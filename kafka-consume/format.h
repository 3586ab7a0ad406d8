/* How a message is printed: as kcat does with -f, with -K and -D, or as a JSON line (json.h).
 *
 * In a format string: %s value, %S its length in bytes, %R the same as 4 bytes in network order, %k key, %K
 * its length (lengths are -1 for null), %t topic, %p partition, %o offset, %T timestamp in ms since 1970 (-1:
 * none), %h headers (NAME=VALUE,...; a value that is null is NULL), %% itself; the escapes are
 * text_unescape's. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_FORMAT_H
#define ROOMSTREAM_KAFKA_CONSUME_FORMAT_H

#include "core/error.h"
#include "core/json_stream.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct format;

/* Reads a format string. NULL with *error if it is wrong. The caller frees the result. With show_null, keys
 * and values that are null are printed as NULL, else as nothing; this applies to all formats except JSON. */
struct format *format_parse(const char *text, bool show_null, struct error *error);

/* The value, or, with a key delimiter (not NULL), key, key delimiter and value; then the delimiter. Both may
 * have escapes. Otherwise like format_parse. */
struct format *format_lines(const char *key_delimiter, const char *delimiter, bool show_null,
                            struct error *error);

/* A JSON object, then the delimiter, which may have escapes. Otherwise like format_parse. */
struct format *format_json(const char *delimiter, struct error *error);

/* NULL is allowed. */
void format_free(struct format *format);

/* Prints the message piece by piece: nothing is copied as a whole. Not for a message that is an error. */
void format_print(const struct format *format, const rd_kafka_message_t *message, json_write *write,
                  void *context);

#endif
