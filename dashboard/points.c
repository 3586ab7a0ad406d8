#include "points.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 32, NEIGHBOURS = 4, KEPT = 2 };

/* Keeps the lowest and the highest of four, in their order. */
static void keep_extremes(const struct point *four, struct point *kept)
{
    size_t lowest = 0, highest = NEIGHBOURS - 1;
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        if (four[i].value < four[lowest].value)
            lowest = i;
        if (four[i].value > four[highest].value)
            highest = i;
    }
    struct point first = four[lowest < highest ? lowest : highest];
    kept[1] = four[lowest < highest ? highest : lowest];
    kept[0] = first;
}

static void thin_older_half(struct points *points)
{
    size_t older = points->count / 2 / NEIGHBOURS * NEIGHBOURS, kept = 0;
    for (size_t i = 0; i < older; i += NEIGHBOURS, kept += KEPT)
        keep_extremes(points->items + i, points->items + kept);
    memmove(points->items + kept, points->items + older, (points->count - older) * sizeof *points->items);
    points->count -= older - kept;
}

static bool make_room(struct points *points)
{
    if (points->count < points->room)
        return true;
    size_t room = points->room ? 2 * points->room : FIRST_ROOM;
    if (room > points->limit)
        room = points->limit;
    struct point *items = realloc(points->items, room * sizeof *items);
    if (!items)
        return false;
    points->items = items;
    points->room = room;
    return true;
}

/* The first point of that time or later. */
static size_t find(const struct points *points, int64_t time)
{
    size_t low = 0, high = points->count;
    if (high > 0 && points->items[high - 1].time < time)
        return high; /* as it is nearly always */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (points->items[middle].time < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool points_add(struct points *points, int64_t time, double value)
{
    size_t at = find(points, time);
    if (at < points->count && points->items[at].time == time) {
        points->items[at].value = value;
        return true;
    }
    if (points->count == points->limit) {
        thin_older_half(points);
        at = find(points, time);
    }
    if (!make_room(points))
        return false;
    memmove(points->items + at + 1, points->items + at, (points->count - at) * sizeof *points->items);
    points->items[at] = (struct point){time, value};
    points->count++;
    return true;
}

void points_clear(struct points *points)
{
    points->count = 0;
}

void points_free(struct points *points)
{
    free(points->items);
    *points = (struct points){.limit = points->limit};
}
