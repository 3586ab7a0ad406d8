/* How a message is printed: the format strings of mosquitto_sub's -F, as mosquitto_sub(1) of version 2.0
 * documents them under OUTPUT FORMAT.
 *
 * - %% @@ \\ stand for themselves, \0 \a \e \n \r \t \v for control characters.
 * - %t topic, %p payload, %x %X payload in hexadecimal (lower, upper case), %l its length in bytes.
 * - %q QoS, %r RETAIN flag, %m packet id (0 at QoS 0).
 * - %j the message as JSON, %J the same with a payload that is JSON itself (message_json.h); nothing, and a
 *   warning in the log (one in half a minute), where it is none.
 * - Of MQTT 5, nothing where absent: %A topic alias, %C content type, %D correlation data, %E message expiry,
 *   %F payload format, %R response topic, %S subscription identifier, %P user properties (key:value,
 *   separated by spaces).
 * - Time of arrival: %I ISO 8601 in local time, %U seconds since 1970 with nanoseconds, @X strftime(3)'s %X
 *   for any one character X, @N nanoseconds of the second.
 *
 * Between % and the letter: a flag (- left-aligned, 0 padded with zeros where that makes sense), a width, a
 * point and a precision, all in bytes. Widths hold for A C E F I l m p R S t x X, precisions for C I R t;
 * elsewhere they are ignored.
 *
 * The width is a minimum, as the manual says. (mosquitto_sub 2.0.11 cuts %p to it, prints half of %x, and
 * does not pad an absent %R.) */
#ifndef ROOMSTREAM_SUBSCRIBE_FORMAT_H
#define ROOMSTREAM_SUBSCRIBE_FORMAT_H

#include "core/error.h"
#include "mqtt/mqtt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct format;

/* Reads a format string. NULL with *error where it is none: it says what is wrong at which sequence. The
 * caller frees the result. */
struct format *format_parse(const char *text, struct error *error);

/* From now on %j and %J are indented (json_indent.h). False where the format has neither. */
bool format_indent_json(struct format *format);

/* NULL is allowed. */
void format_free(struct format *format);

/* Takes one piece of what is printed; pieces come in order and are valid during the call only. */
typedef void format_write(void *context, const void *data, size_t length);

/* Prints the message that arrived at `realtime` (ns, see clock_realtime), piece by piece: a payload is not
 * copied as a whole. Any thread; a format can be used by several at once. */
void format_print(const struct format *format, const struct mqtt_message *message, int64_t realtime,
                  format_write *write, void *context);

#endif
