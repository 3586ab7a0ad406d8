/* Configuration files: `key = value` lines, with or without [section] headers. A value is taken verbatim to
 * the end of its line, but for blanks around it (no inline comments, no quotes, no continuation: a password
 * may hold any character); `#`, `;` and `!` start a comment line. UTF-8, with or without a byte order mark;
 * LF or CR LF. Files of Java's properties have rules of their own (properties_file.h).
 *
 * Only the form of the file is here: which option a key is, and which sections count, is in sources.c. */
#ifndef ROOMSTREAM_OPTIONS_CONFIG_FILE_H
#define ROOMSTREAM_OPTIONS_CONFIG_FILE_H

#include "core/error.h"

#include <stddef.h>

struct config_entry {
    const char *section; /* "" before the first header */
    const char *key, *value;
    int line;
    bool escaped; /* the value has a backslash in the file that is not in `value` (properties_file.h) */
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

/* The steps of config_file_read, for readers of other forms (properties_file.h). config_file_load reads the
 * file into an empty *file and returns its text, with a NUL behind its *length bytes and without the byte
 * order mark; NULL with *error, and nothing is to be freed. config_file_parse and config_file_append leave
 * freeing to the caller; strings that are appended lie in the text. */
char *config_file_load(const char *path, struct config_file *file, size_t *length, struct error *error);
bool config_file_parse(struct config_file *file, char *text, size_t length, const char *path,
                       struct error *error);
void config_file_append(struct config_file *file, const struct config_entry *entry);

#endif
