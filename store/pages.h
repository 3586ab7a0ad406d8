/* What store shows over HTTP: /metrics, /healthz, /readyz and /status. The main thread alone calls
 * these functions; requests are answered on the HTTP server's thread. */
#ifndef ROOMSTREAM_STORE_PAGES_H
#define ROOMSTREAM_STORE_PAGES_H

#include "progress.h"
#include "settings.h"

#include "http/recent.h"

#include <stdio.h>

struct pages;

/* Begins to serve at settings->http.address. Both arguments outlive the pages. NULL with *error. */
struct pages *pages_open(const struct store_settings *settings, struct progress *progress,
                         struct error *error);

/* Samples the counters. Call it about once a second; NULL is allowed. */
void pages_tick(struct pages *pages);

/* NULL is allowed. */
void pages_close(struct pages *pages);

/* ---- inside: how store is at one moment, taken in one piece ---- */

struct view {
    const struct store_settings *settings;
    const struct progress *progress; /* with its mutex held */
    int64_t now;                     /* monotonic ns */
    double uptime;
    struct recent_rates recent;
    double lag, lag_seconds; /* of all partitions, the greatest in seconds; -1: not known */
    const char *kafka;       /* connecting, connected, unreachable */
    const char *database;    /* connecting, connected, away */
    bool healthy, ready;     /* decided by take_view in pages.c; view_problems says why */
};

/* What keeps it from being ready and healthy, in sentence fragments, one call each. */
void view_problems(const struct view *view, void (*say)(void *context, const char *problem), void *context);

void metrics_page_write(const struct view *view, FILE *out);
void status_page_write(const struct view *view, FILE *out);

#endif
