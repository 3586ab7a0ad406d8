#include "json_pointer.h"

#include "out_of_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Replaces ~1 and ~0 in place (section 4). False for another ~. */
static bool unescape(char *token)
{
    char *to = token;
    for (const char *from = token; *from; from++) {
        if (*from == '~') {
            if (*++from != '0' && *from != '1')
                return false;
            *to++ = *from == '0' ? '~' : '/';
        } else
            *to++ = *from;
    }
    *to = '\0';
    return true;
}

bool pointer_parse(const char *text, struct pointer *pointer, struct error *error)
{
    *pointer = (struct pointer){0};
    if (*text && *text != '/')
        return error_set(error, "'%s' is not a JSON pointer (RFC 6901), which begins with /, as /value",
                         text);
    pointer->tokens = calloc(POINTER_TOKENS, sizeof *pointer->tokens);
    if (!pointer->tokens)
        out_of_memory(POINTER_TOKENS * sizeof *pointer->tokens);
    for (const char *at = text; *at;) {
        size_t length = strcspn(++at, "/");
        if (pointer->count == POINTER_TOKENS)
            return error_set(error, "the JSON pointer '%s' has more than %d steps", text, POINTER_TOKENS);
        char *token = strndup(at, length);
        if (!token)
            out_of_memory(length);
        pointer->tokens[pointer->count++] = token;
        if (!unescape(token))
            return error_set(error, "the JSON pointer '%s' has a ~ that is neither ~0 nor ~1", text);
        at += length;
    }
    return true;
}

void pointer_free(struct pointer *pointer)
{
    for (size_t i = 0; i < pointer->count; i++)
        free(pointer->tokens[i]);
    free(pointer->tokens);
    *pointer = (struct pointer){0};
}

bool pointer_names(const struct pointer *pointer, size_t depth, const char *name, size_t length)
{
    const char *token = pointer->tokens[depth];
    return strlen(token) == length && memcmp(token, name, length) == 0;
}

bool pointer_counts(const struct pointer *pointer, size_t depth, size_t index)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", index);
    return strcmp(pointer->tokens[depth], text) == 0;
}

/* ---- the walk ---- */

static const size_t names_members = (size_t)-1; /* the index of an object */

/* A name or an index of the innermost container: depth is at least 1. */
static void step(struct pointer_walk *walk, const char *name, size_t length, size_t index)
{
    size_t at = walk->depth - 1;
    for (size_t i = 0; i < walk->count; i++) {
        const struct pointer *pointer = &walk->pointers[i];
        if (walk->agreed[i] > at)
            walk->agreed[i] = at;
        if (walk->agreed[i] == at && at < pointer->count &&
            (name ? pointer_names(pointer, at, name, length) : pointer_counts(pointer, at, index)))
            walk->agreed[i] = at + 1;
    }
}

void pointer_walk_name(struct pointer_walk *walk, const char *name, size_t length)
{
    if (walk->depth <= POINTER_TOKENS)
        step(walk, name, length, 0);
}

/* A value of an array has an index for a name. */
void pointer_walk_value(struct pointer_walk *walk)
{
    if (walk->depth == 0 || walk->depth > POINTER_TOKENS || walk->index[walk->depth - 1] == names_members)
        return;
    step(walk, NULL, 0, walk->index[walk->depth - 1]++);
}

bool pointer_walk_is_at(const struct pointer_walk *walk, size_t number)
{
    return walk->pointers[number].count == walk->depth && walk->agreed[number] == walk->depth;
}

void pointer_walk_open(struct pointer_walk *walk, bool array)
{
    if (walk->depth < POINTER_TOKENS)
        walk->index[walk->depth] = array ? 0 : names_members;
    walk->depth++;
}

void pointer_walk_close(struct pointer_walk *walk)
{
    walk->depth--;
}
