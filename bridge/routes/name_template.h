/* Text with names in braces, as sensors.{sensor}: parsed once, filled with the values of a message. */
#ifndef ROOMSTREAM_BRIDGE_ROUTES_NAME_TEMPLATE_H
#define ROOMSTREAM_BRIDGE_ROUTES_NAME_TEMPLATE_H

#include "core/error.h"
#include "core/text.h"
#include "core/text_buffer.h"
#include "spool/spool_record.h"

#include <stdbool.h>
#include <stddef.h>

/* A text, then a value. */
struct name_template_piece {
    const char *text;
    size_t length;
    size_t name; /* the number of the value, or TEMPLATE_NO_NAME at the end */
};

#define TEMPLATE_NO_NAME ((size_t)-1)

struct name_template {
    char *text; /* as given */
    struct name_template_piece *pieces;
    size_t count; /* at least 1: the last one has no name */
};

/* Parses the text, whose names are among those given. False with *error, without the text. name_template_free
 * also where it failed. */
bool name_template_parse(const char *text, const struct text_list *names, struct name_template *template,
                         struct error *error);
void name_template_free(struct name_template *template);

/* Puts the texts and values one after the other into the buffer, in place of what it holds. */
void name_template_fill(const struct name_template *template, const struct spool_bytes *values,
                        struct text_buffer *buffer);

#endif
