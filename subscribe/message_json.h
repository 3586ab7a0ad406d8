/* A message as one JSON object on one line (RFC 8259), whatever its bytes are. What should be text but is not
 * UTF-8 becomes base64, its name then ends in _base64: "payload_base64" for "payload". U+0000 is text.
 *
 * - message_json_print is our own form, made to be read by programs: time (of arrival, RFC 3339 in UTC),
 *   topic, qos, retain, dup, properties (where there are any), payload. user_properties is a list of
 *   {"name":...,"value":...} in the order of the message, subscription_identifiers a list of numbers.
 * - message_json_print_quoted and _unquoted are mosquitto_sub's %j and %J: tst (of arrival, local time),
 *   topic, qos, retain, payloadlen, mid (not at QoS 0), properties (where there are any), payload.
 *   user-properties is an object in which a name may come several times, as it does there.
 *   An empty payload is null. */
#ifndef ROOMSTREAM_SUBSCRIBE_MESSAGE_JSON_H
#define ROOMSTREAM_SUBSCRIBE_MESSAGE_JSON_H

#include "core/json_stream.h"
#include "mqtt/mqtt.h"

#include <stdbool.h>
#include <stdint.h>

/* Any thread. `realtime`: of arrival, ns. The pieces go to `write` with its context. */
void message_json_print(const struct mqtt_message *message, int64_t realtime, json_write *write,
                        void *context);

void message_json_print_quoted(const struct mqtt_message *message, int64_t realtime, json_write *write,
                               void *context);

/* As _quoted, but the payload is JSON itself and stands there as such: its text unchanged but for the blanks
 * between its parts, which are left out. False, with nothing written, where it is not JSON: also where a
 * number is beyond the range of double, or nesting deeper than jansson takes (2048). */
bool message_json_print_unquoted(const struct mqtt_message *message, int64_t realtime, json_write *write,
                                 void *context);

#endif
