/* JSON pointers (RFC 6901), prepared once. */
#ifndef ROOMSTREAM_CORE_JSON_POINTER_H
#define ROOMSTREAM_CORE_JSON_POINTER_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct pointer {
    char **tokens; /* unescaped */
    size_t count;  /* 0: the whole document */
};

enum { POINTER_TOKENS = 32 }; /* at most */

/* Reads a pointer. False with *error, which quotes the text. pointer_free also where it failed. */
bool pointer_parse(const char *text, struct pointer *pointer, struct error *error);
void pointer_free(struct pointer *pointer);

/* Does the token at `depth` name this member of an object, or this element of an array? */
bool pointer_names(const struct pointer *pointer, size_t depth, const char *name, size_t length);
bool pointer_counts(const struct pointer *pointer, size_t depth, size_t index);

#endif
