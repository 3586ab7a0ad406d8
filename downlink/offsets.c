#include "offsets.h"

#include "core/out_of_memory.h"

#include <stdlib.h>
#include <string.h>

void offsets_begin(struct offsets *o)
{
    o->first = o->count = o->undone = 0;
    o->position = o->committed = o->end = -1;
    o->started = false;
}

void offsets_start(struct offsets *o, int64_t position)
{
    offsets_begin(o);
    o->position = position;
    o->started = true;
}

void offsets_free(struct offsets *o)
{
    free(o->items);
    *o = (struct offsets){0};
}

static void make_room(struct offsets *o)
{
    if (o->count < o->room)
        return;
    size_t open = o->count - o->first;
    if (o->first > o->room / 2) {
        memmove(o->items, o->items + o->first, open * sizeof *o->items);
    } else {
        size_t room = o->room ? 2 * o->room : 16;
        struct offset *items = calloc(room, sizeof *items);
        if (!items)
            out_of_memory(room * sizeof *items);
        if (open > 0)
            memcpy(items, o->items + o->first, open * sizeof *items);
        free(o->items);
        o->items = items;
        o->room = room;
    }
    o->first = 0;
    o->count = open;
}

void offsets_take(struct offsets *o, int64_t offset)
{
    make_room(o);
    if (o->position < 0)
        o->position = offset;
    o->items[o->count++] = (struct offset){.value = offset};
    o->undone++;
}

/* The first item at or above the offset. */
static size_t find(const struct offsets *o, int64_t offset)
{
    size_t low = o->first, high = o->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (o->items[middle].value < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void advance(struct offsets *o)
{
    size_t at = find(o, o->position);
    while (at < o->count && o->items[at].done)
        o->position = o->items[at++].value + 1;
    if (at == o->count && o->end > o->position)
        o->position = o->end;
}

void offsets_end(struct offsets *o, int64_t end)
{
    if (o->position < 0)
        o->position = end;
    o->end = end;
    advance(o);
}

void offsets_done(struct offsets *o, int64_t offset)
{
    size_t at = find(o, offset);
    if (at == o->count || o->items[at].value != offset || o->items[at].done)
        return;
    o->items[at].done = true;
    o->undone--;
    advance(o);
}

int64_t offsets_next(const struct offsets *o)
{
    int64_t next = o->count > o->first ? o->items[o->count - 1].value + 1 : o->position;
    return o->end > next ? o->end : next;
}

bool offsets_due(const struct offsets *o)
{
    /* A position that Kafka has told need not be committed. */
    return o->position > o->committed && (o->committed >= 0 || o->count > 0 || o->started);
}

void offsets_committed(struct offsets *o, int64_t position)
{
    if (position > o->position || position <= o->committed)
        return;
    o->committed = position;
    o->first = find(o, position);
}

size_t offsets_open(const struct offsets *o)
{
    return o->count - o->first;
}

void offsets_rewind(struct offsets *o)
{
    o->count = find(o, o->position);
    o->undone = 0;
    o->end = -1;
}
