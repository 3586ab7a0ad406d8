#include "columns.h"

#include "core/out_of_memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A whole number without a sign, up to the comma or end at *end. */
static bool parse_node(const char *text, int64_t *node, const char **end)
{
    char digits[20];
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length >= sizeof digits || (text[length] != ',' && text[length] != '\0'))
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    *end = text + length;
    return text_to_integer(digits, node);
}

static bool append(struct columns *columns, const char *name, size_t length, int64_t node,
                   struct error *error)
{
    for (size_t i = 0; i < columns->count; i++)
        if (columns->items[i].node == node)
            return error_set(error, "--column: node %" PRId64 " is there twice", node);
    struct column *items = realloc(columns->items, (columns->count + 1) * sizeof *items);
    char *copy = strndup(name, length);
    if (!items || !copy)
        out_of_memory((columns->count + 1) * sizeof *items + length + 1);
    columns->items = items;
    items[columns->count++] = (struct column){copy, node};
    return true;
}

static bool parse_text(const char *text, struct columns *columns, struct error *error)
{
    const char *name = text, *end = NULL;
    while (true) {
        int64_t node;
        const char *colon = strchr(name, ':');
        while (colon && !parse_node(colon + 1, &node, &end))
            colon = strchr(colon + 1, ':');
        if (!colon || colon == name)
            return error_set(error, "--column: '%s' is not NAME:NODE with a whole number as NODE", name);
        if (!append(columns, name, (size_t)(colon - name), node, error))
            return false;
        if (*end == '\0')
            return true;
        name = end + 1;
    }
}

bool columns_parse(const struct text_list *texts, struct columns *columns, struct error *error)
{
    for (size_t i = 0; i < texts->count; i++)
        if (!parse_text(texts->items[i], columns, error))
            return false;
    return true;
}

static bool mark(const struct columns *columns, bool *wanted, int64_t node)
{
    for (size_t i = 0; i < columns->count; i++)
        if (columns->items[i].node == node)
            return wanted[i] = true;
    return false;
}

static bool mark_all(const struct columns *columns, bool *wanted, const struct text_list *nodes,
                     struct error *error)
{
    for (size_t i = 0; i < nodes->count; i++)
        for (const char *at = nodes->items[i];; at++) {
            int64_t node;
            if (!parse_node(at, &node, &at))
                return error_set(error, "--nodes: '%s' is not a list of whole numbers such as 1,3",
                                 nodes->items[i]);
            if (!mark(columns, wanted, node))
                return error_set(error, "--nodes: no column is for node %" PRId64, node);
            if (*at == '\0')
                break;
        }
    return true;
}

bool columns_select(struct columns *columns, const struct text_list *nodes, struct error *error)
{
    if (nodes->count == 0)
        return true;
    bool *wanted = calloc(columns->count, sizeof *wanted);
    if (!wanted)
        out_of_memory(columns->count * sizeof *wanted);
    bool ok = mark_all(columns, wanted, nodes, error);
    size_t kept = 0;
    for (size_t i = 0; ok && i < columns->count; i++)
        if (wanted[i])
            columns->items[kept++] = columns->items[i];
        else
            free(columns->items[i].name);
    if (ok)
        columns->count = kept;
    free(wanted);
    return ok;
}

void columns_free(struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++)
        free(columns->items[i].name);
    free(columns->items);
    *columns = (struct columns){0};
}
