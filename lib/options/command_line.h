/* The words of a command line. */
#ifndef ROOMSTREAM_OPTIONS_COMMAND_LINE_H
#define ROOMSTREAM_OPTIONS_COMMAND_LINE_H

#include "core/error.h"
#include "table.h"

/* The options in order. Zero-initialized is empty. */
struct command_line {
    struct argument {
        struct option_row *row;
        const char *value;
    } * options;
    size_t count;
};

/* Reads argv; values point into it. Operands (words that are not options) go into *operands; where that is
 * NULL they are an error. False with *error where an option is unknown, or a value is missing or too many.
 * The caller frees in any case. */
bool command_line_read(struct command_line *line, struct option_table *table, int argc, char **argv,
                       struct text_list *operands, struct error *error);
void command_line_free(struct command_line *line);

/* Sets the options: the general ones alone, or all others. */
bool command_line_set(const struct command_line *line, struct option_table *table, bool general,
                      struct error *error);

#endif
