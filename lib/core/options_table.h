/* A program's options as one table, between the parser (options.c) and what prints them (options_print.c). */
#ifndef ROOMSTREAM_OPTIONS_TABLE_H
#define ROOMSTREAM_OPTIONS_TABLE_H

#include "options.h"

enum { OPTIONS_MAX = 96, OPTION_ENV_SIZE = 64 };

struct option_row {
    const struct option_spec *spec;
    const struct option_group *group;
    const char *fallback; /* the program's default, else the table's */
    void *value;          /* in the group's settings */
    bool general;         /* --help and the like: on the command line only */
    bool given;           /* by the user */
};

/* The rows of all groups in order, the general options last. */
struct option_table {
    struct option_row rows[OPTIONS_MAX];
    size_t count;
    struct text_list ignored_sections; /* of the configuration file */
};

/* Writes the name of the option's environment variable into name and returns it. */
const char *option_env(const struct option_spec *spec, char name[static OPTION_ENV_SIZE]);

/* These print to stdout. */
void options_print_help(const struct program *program, const struct option_table *table);
void options_print_config(const struct option_table *table);
void options_print_manual(const struct option_table *table);

/* See options_write. */
void options_print_section(const struct option_table *table, const char *section, const char *const *except,
                           FILE *out);

#endif
