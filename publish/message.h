/* The payloads: one reading of one node each. Everything that is the same for all messages is
 * made once. */
#ifndef ROOMSTREAM_PUBLISH_MESSAGE_H
#define ROOMSTREAM_PUBLISH_MESSAGE_H

#include "columns.h"
#include "core/recorded_time.h"
#include "number.h"

#include <stddef.h>
#include <stdint.h>

/* Examples:
 * JSON
 * {"time":"2017-12-22T10:49:41","sensor":"temp","node":1,"value":24.94,"unit":"Cel","occupancy":1,"seq":1}
 * CSV    2017/12/22, 10:49:41, 24.94, 1, 1
 *        (date, time, value, node, occupancy)
 * SENML  [{"n":"temp/1","u":"Cel","t":1513939781,"v":24.94}]
 *        (RFC 8428: one record, absolute time)
 * Where the second is not whole, the time has decimals; JSON's ends with Z where it is known to be UTC. */
enum message_format { MESSAGE_JSON, MESSAGE_CSV, MESSAGE_SENML };

/* Names of the formats in the order of the enum, NULL-terminated. */
extern const char *const message_formats[];

/* The media type, for MQTT 5's content type. */
const char *message_content_type(enum message_format format);

/* The earliest recorded time that the format can carry, in ns since 1970-01-01: SenML reads smaller numbers
 * than 2^28 as relative (RFC 8428 section 4.5.3). */
int64_t message_earliest(enum message_format format);

/* True when SenML allows the name (RFC 8428 section 4.5.1). */
bool message_senml_name(const char *name);

/* What one message says. */
struct message {
    struct recorded_time time;
    struct number value, occupancy; /* an occupancy of length 0 is not known, and left out */
    size_t column;                  /* of the writer's columns */
    uint64_t seq;                   /* number of the reading, from 1 */
};

struct message_writer;

/* `unit` may be NULL: then the messages have none. Copies what it needs; NULL when memory is exhausted. */
struct message_writer *message_writer_new(enum message_format format, const char *sensor, const char *unit,
                                          const struct columns *columns);
void message_writer_free(struct message_writer *writer);

/* No message is longer, in bytes. */
size_t message_writer_max(const struct message_writer *writer);

/* Writes the message into out (message_writer_max bytes, no NUL) and returns its length. */
size_t message_write(const struct message_writer *writer, const struct message *message, char *out);

#endif
