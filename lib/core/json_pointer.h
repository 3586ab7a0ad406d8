/* JSON pointers (RFC 6901), prepared once, and the walk through a document that tells where they point to. */
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

enum { WALK_POINTERS = 8 }; /* at most */

/* A walk through a document as a parser tells of it: how far each pointer agrees with the place where it is.
 * `pointers` and `count` are set by the caller, the rest is zero at the beginning. */
struct pointer_walk {
    const struct pointer *pointers;
    size_t count;
    size_t depth;                 /* containers that are open */
    size_t agreed[WALK_POINTERS]; /* tokens, of the open containers and the name or index at hand */
    size_t index[POINTER_TOKENS]; /* of the elements of open arrays */
};

/* The name of a member, whose value follows. */
void pointer_walk_name(struct pointer_walk *walk, const char *name, size_t length);

/* A value begins, also an object or array. From then on pointer_walk_is_at tells whether the pointer of that
 * number points to it. */
void pointer_walk_value(struct pointer_walk *walk);
bool pointer_walk_is_at(const struct pointer_walk *walk, size_t number);

/* The object or array that began with pointer_walk_value is open; the innermost one ends. */
void pointer_walk_open(struct pointer_walk *walk, bool array);
void pointer_walk_close(struct pointer_walk *walk);

#endif
