/* The options of a running program as one table of rows, each with where its value is. */
#ifndef ROOMSTREAM_OPTIONS_TABLE_H
#define ROOMSTREAM_OPTIONS_TABLE_H

#include "core/text.h"
#include "option.h"

enum { OPTIONS_MAX = 96, OPTION_ENV_SIZE = 64 };

struct option_row {
    const struct option_spec *spec;
    const struct option_group *group;
    const char *fallback; /* the program's default, else the spec's */
    void *value;          /* in the group's settings */
    bool general;         /* --help and the like: on the command line only */
    bool given;           /* by the user */
    int pass;             /* the last in which the user set it */
};

/* The rows of all groups in order, the general options last. Zero-initialized is empty. */
struct option_table {
    struct option_row rows[OPTIONS_MAX];
    size_t count;
    int pass; /* counts the sources, and the sections of the configuration file, as they are read */
    struct text_list ignored_sections; /* of the configuration file */
};

/* Empties the table and fills it with the options of the program, then those of the general group. Aborts
 * where these contradict each other. The groups live as long as the table. */
void option_table_fill(struct option_table *table, const struct program *program,
                       const struct option_group *general);

/* The row of that long name, of that letter, of the option that is the property of that name, or with that
 * member set; NULL if there is none. */
struct option_row *option_find(struct option_table *table, const char *name);
struct option_row *option_find_letter(struct option_table *table, int letter);
struct option_row *option_find_property(struct option_table *table, const char *property);
struct option_row *option_find_dotted_keys(struct option_table *table);
struct option_row *option_find_properties_file(struct option_table *table);

/* The row of the option whose items the lines of that section are; NULL if there is none. */
struct option_row *option_find_lines_of(struct option_table *table, const char *section);

/* Writes the name of the option's environment variable into name and returns it. */
const char *option_env(const struct option_spec *spec, char name[static OPTION_ENV_SIZE]);

#endif
