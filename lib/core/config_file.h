/* Configuration files: `key = value` lines, with or without [section] headers: ini files and Java-style
 * .properties files such as Confluent Cloud's client.properties. A value is taken verbatim to the end of its
 * line, but for blanks around it (no inline comments, no quotes, no continuation: a password may hold any
 * character); `#`, `;` and `!` start a comment line. UTF-8, with or without a byte order mark; LF or CR LF.
 */
#ifndef ROOMSTREAM_CONFIG_FILE_H
#define ROOMSTREAM_CONFIG_FILE_H

#include "error.h"

#include <stddef.h>

struct config_entry {
    const char *section; /* "" before the first header */
    const char *key, *value;
    int line;
};

/* A file that was read: its entries in order. It owns all strings. */
struct config_file {
    struct config_entry *entries;
    size_t count;
    char *text;
};

/* Reads the file, at most 1 MiB of it, which may be a pipe. On success the caller frees *file; on failure
 * there is nothing to free. False with a message naming file and line when it cannot be read, is too large,
 * or a line is neither key = value nor a section nor a comment. */
bool config_file_read(const char *path, struct config_file *file, struct error *error);
void config_file_free(struct config_file *file);

#endif
