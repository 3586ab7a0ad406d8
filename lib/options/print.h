/* What a program prints of its options. */
#ifndef ROOMSTREAM_OPTIONS_PRINT_H
#define ROOMSTREAM_OPTIONS_PRINT_H

#include "table.h"

/* To stdout: --help, --print-config, and --print-options (see options.h). */
void options_print_help(const struct program *program, const struct option_table *table);
void options_print_config(const struct option_table *table);
void options_print_manual(const struct option_table *table);

/* See options_write. */
void options_print_section(const struct option_table *table, const char *section, const char *const *except,
                           FILE *out);

#endif
