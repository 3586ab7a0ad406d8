#include "segment_list.h"

#include <stdlib.h>
#include <string.h>

void segment_list_free(struct segment_list *list)
{
    free(list->entries);
    *list = (struct segment_list){0};
}

bool segment_list_reserve(struct segment_list *list)
{
    if (list->count < list->capacity)
        return true;
    size_t capacity = list->capacity ? 2 * list->capacity : 16;
    struct segment_entry *entries = reallocarray(list->entries, capacity, sizeof *entries);
    if (!entries)
        return false;
    list->entries = entries;
    list->capacity = capacity;
    return true;
}

void segment_list_add(struct segment_list *list, uint64_t first_id, int64_t end)
{
    list->entries[list->count++] = (struct segment_entry){first_id, end};
}

void segment_list_remove_first(struct segment_list *list)
{
    list->count--;
    memmove(list->entries, list->entries + 1, list->count * sizeof *list->entries);
}

size_t segment_list_find(const struct segment_list *list, uint64_t id)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->entries[middle].first_id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : list->count;
}
