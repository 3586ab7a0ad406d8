#include "unreleased.h"

bool unreleased_holds(const struct unreleased *ids, uint16_t id)
{
    /* The first in the ring has the head before it. */
    return id != 0 && (ids->previous[id] != 0 || ids->next[0] == id);
}

void unreleased_add(struct unreleased *ids, uint16_t id, uint32_t content)
{
    ids->content[id] = content;
    if (unreleased_holds(ids, id))
        return;
    uint16_t last = ids->previous[0];
    ids->next[last] = id;
    ids->previous[id] = last;
    ids->next[id] = 0;
    ids->previous[0] = id;
    ids->count++;
}

void unreleased_remove(struct unreleased *ids, uint16_t id)
{
    if (!unreleased_holds(ids, id))
        return;
    uint16_t before = ids->previous[id], after = ids->next[id];
    ids->next[before] = after;
    ids->previous[after] = before;
    ids->next[id] = ids->previous[id] = 0;
    ids->count--;
}

void unreleased_clear(struct unreleased *ids)
{
    while (ids->count > 0)
        unreleased_remove(ids, ids->next[0]);
}

size_t unreleased_list(const struct unreleased *ids, uint16_t *list)
{
    size_t count = 0;
    for (uint16_t id = ids->next[0]; id != 0; id = ids->next[id])
        list[count++] = id;
    return count;
}
