/* The value of one option: from what a user wrote to what stands in the settings. */
#ifndef ROOMSTREAM_OPTIONS_VALUE_H
#define ROOMSTREAM_OPTIONS_VALUE_H

#include "core/error.h"
#include "property_list.h"
#include "table.h"

/* Reads text into the row's value; one more value of a list. `source` is how the user knows the option there:
 * "--speed", "environment variable ROOMSTREAM_SPEED", "FILE:LINE: speed". False with *error, which begins
 * with it, where the text is not a value of that kind or out of the range. */
bool option_set(struct option_table *table, struct option_row *row, const char *source, const char *text,
                struct error *error);

/* The same for what the user wrote in the source of this pass: a list loses what lower sources put there. */
bool option_set_by_user(struct option_table *table, struct option_row *row, const char *source,
                        const char *text, struct error *error);

/* Adds the property to the row's; one that is also an option of its own sets that. */
bool option_add_property(struct option_table *table, const struct option_row *row,
                         const struct property *property, struct error *error);

#endif
