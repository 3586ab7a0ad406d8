/* Configuration files: `key = value` lines, with or without [section] headers: ini files and Java-style
 * .properties files such as Confluent Cloud's client.properties. A value is taken verbatim to the end of its
 * line (no inline comments, no quotes: a password may hold any character); `#`, `;` and `!` start a comment
 * line. */
#ifndef ROOMSTREAM_CONFIG_FILE_H
#define ROOMSTREAM_CONFIG_FILE_H

#include "error.h"

/* Called for each entry; section is "" before the first header. Returns false with *error set to stop. */
typedef bool config_entry(void *context, const char *section, const char *key, const char *value, int line,
                          struct error *error);

/* Reads the file and calls `entry` for each key in order. False with a message naming file and line when the
 * file cannot be read, a line is neither key = value nor a section nor a comment, or `entry` failed (its
 * message is prefixed). */
bool config_file_read(const char *path, config_entry *entry, void *context, struct error *error);

#endif
