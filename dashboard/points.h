/* A line of a chart in bounded memory: points in order of time. When there are too many, the older half is
 * thinned: of four neighbours the lowest and the highest stay. So the newest points are all there, older ones
 * fewer and fewer, and no peak is lost, whatever comes in. One thread at a time. */
#ifndef ROOMSTREAM_DASHBOARD_POINTS_H
#define ROOMSTREAM_DASHBOARD_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct point {
    int64_t time; /* ms since 1970-01-01 */
    double value;
};

/* Zero-initialized is empty, but for the limit. */
struct points {
    size_t limit; /* at most so many: 8 or more */
    struct point *items;
    size_t count, room;
};

/* Puts a point in its place; one of the same time is replaced. False where there is no memory for it. */
bool points_add(struct points *points, int64_t time, double value);

/* Makes it empty, keeping its memory. */
void points_clear(struct points *points);
void points_free(struct points *points);

#endif
