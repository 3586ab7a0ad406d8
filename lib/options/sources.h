/* Where the values of options come from, but for the command line (command_line.h). Each source is read in a
 * pass of its own, the lowest in precedence first. Each is false with *error where something in it is wrong.
 */
#ifndef ROOMSTREAM_OPTIONS_SOURCES_H
#define ROOMSTREAM_OPTIONS_SOURCES_H

#include "core/error.h"
#include "table.h"

bool options_from_defaults(struct option_table *table, struct error *error);
bool options_from_file(struct option_table *table, const struct program *program, const char *path,
                       struct error *error);
bool options_from_environment(struct option_table *table, struct error *error);

/* The file that another option names; after all others, since each of them goes before it. */
bool options_from_properties_file(struct option_table *table, struct error *error);

#endif
