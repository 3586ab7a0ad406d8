/* A text with placeholders, which a Kafka message fills:
 *   {topic}         the Kafka topic
 *   {partition}     the number of the partition
 *   {key}           the key
 *   {header:NAME}   the first header of that name
 *   {json:POINTER}  what a JSON pointer (RFC 6901) finds in the value: a text, a whole number, true or false
 * {{ and }} stand for braces.
 *
 * Lifecycle: template_parse; template_fill for each message; template_free. */
#ifndef ROOMSTREAM_DOWNLINK_TEMPLATE_H
#define ROOMSTREAM_DOWNLINK_TEMPLATE_H

#include "record.h"

#include "core/error.h"
#include "core/text_buffer.h"

#include <stdbool.h>
#include <stddef.h>

struct piece;

/* Zero-initialized is empty. */
struct template
{
    struct piece *pieces;
    size_t count;
    bool reads_json;
};

/* False with *error, which quotes the text. template_free also where it failed. */
bool template_parse(const char *text, struct template *template, struct error *error);
void template_free(struct template *template);

/* An MQTT topic by the template. False with *reason when the message has no value for a placeholder, or when
 * the topic could not be published to: levels of the message's that are empty, wildcards, NUL, a $ at the
 * start, what is not UTF-8 or longer than 65,535 bytes. */
bool template_fill(const struct template *template, const struct record *record, struct text_buffer *topic,
                   struct error *reason);

#endif
