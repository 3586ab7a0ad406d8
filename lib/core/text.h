/* Reading what people write: numbers, durations, sizes. These take the whole string or fail, without blanks
 * around it; the locale does not matter. */
#ifndef ROOMSTREAM_CORE_TEXT_H
#define ROOMSTREAM_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A copy, which the caller frees; ends the process when memory is exhausted. */
char *text_copy(const char *text);

/* A growing list of strings. Zero-initialized is empty. The list owns its strings. */
struct text_list {
    char **items;
    size_t count;
};

/* Appends a copy of text; ends the process when memory is exhausted (lists hold options, a few strings). */
void text_list_append(struct text_list *list, const char *text);
void text_list_free(struct text_list *list);
bool text_list_contains(const struct text_list *list, const char *text);

/* For qsort and bsearch of an array of texts (const char *). */
int text_compare(const void *a, const void *b);

/* A decimal integer. False for anything else and for overflow; *value is then unchanged. */
bool text_to_integer(const char *text, int64_t *value);

/* A finite decimal number such as 0.5 or 1e3; false for hexadecimal, inf and nan. */
bool text_to_real(const char *text, double *value);

/* A duration in ns: a number with a unit (ns us ms s m min h d, in any case), e.g. 250ms, 1.5h; a bare number
 * is seconds. Never negative. */
bool text_to_duration(const char *text, int64_t *ns);

/* A size in bytes: a whole or decimal number, bare or with B, K, M, G, T (powers of 1024; KB, KiB, MB, ...
 * too; in any case). Never negative. */
bool text_to_size(const char *text, int64_t *bytes);

/* Replaces the escapes in text: \n \r \t \0 \\, and \xHH for any byte. Writes at most strlen(text) bytes and
 * no NUL at the end. False for any other backslash. bytes may be text itself. */
bool text_unescape(const char *text, char *bytes, size_t *length);

/* Writes a count of bytes as people read it (1.5 MiB) into text. */
#define TEXT_SIZE_SIZE 24
void text_from_size(int64_t bytes, char text[static TEXT_SIZE_SIZE]);

/* Writes bytes from outside for a person to read on a terminal. What could control it or break the line,
 * control characters (C0, DEL, C1) and what is not UTF-8, becomes \xHH for each byte. */
void text_print_escaped(FILE *out, const void *bytes, size_t length);

/* True when the property of that name (length bytes) holds a secret, such as sasl.password, ssl.key.pem or
 * sasl.jaas.config: its value must not be shown. */
bool text_names_secret(const char *name, size_t length);

#endif
