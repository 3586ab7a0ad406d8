#include "id_set.h"

#include <stdlib.h>
#include <string.h>

void id_set_free(struct id_set *set)
{
    free(set->ids);
    *set = (struct id_set){0};
}

bool id_set_reserve(struct id_set *set)
{
    if (set->count < set->capacity || set->capacity == ID_SET_SIZE)
        return true;
    size_t capacity = set->capacity ? 2 * set->capacity : 64;
    uint64_t *ids = reallocarray(set->ids, capacity, sizeof *ids);
    if (!ids)
        return false;
    set->ids = ids;
    set->capacity = capacity;
    return true;
}

/* The index of the first id that is not smaller. */
static size_t find(const struct id_set *set, uint64_t id)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void id_set_add(struct id_set *set, uint64_t id)
{
    if (set->count == ID_SET_SIZE) {
        /* Half of them at once, so that each is moved a few times only. */
        set->count /= 2;
        memmove(set->ids, set->ids + ID_SET_SIZE - set->count, set->count * sizeof *set->ids);
        set->complete_above_only = true;
    }
    size_t index = find(set, id);
    if (index < set->count && set->ids[index] == id)
        return;
    if (index == 0 && set->complete_above_only)
        return;
    memmove(set->ids + index + 1, set->ids + index, (set->count - index) * sizeof *set->ids);
    set->ids[index] = id;
    set->count++;
}

enum id_set_answer id_set_holds(const struct id_set *set, uint64_t id)
{
    size_t index = find(set, id);
    if (index < set->count && set->ids[index] == id)
        return ID_SET_YES;
    return index == 0 && set->complete_above_only ? ID_SET_UNKNOWN : ID_SET_NO;
}
