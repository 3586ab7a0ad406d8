#include "property_list.h"

#include "core/out_of_memory.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

static const char *copy(const char *text)
{
    return text ? text_copy(text) : NULL;
}

void property_list_append(struct property_list *list, const struct property *property)
{
    struct property *items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        out_of_memory((list->count + 1) * sizeof *items);
    items[list->count++] =
        (struct property){copy(property->name), copy(property->value), copy(property->origin),
                          copy(property->section), property->escaped};
    list->items = items;
}

void property_list_free(struct property_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((void *)list->items[i].name);
        free((void *)list->items[i].value);
        free((void *)list->items[i].origin);
        free((void *)list->items[i].section);
    }
    free(list->items);
    *list = (struct property_list){0};
}
