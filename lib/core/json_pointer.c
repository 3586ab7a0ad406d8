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
