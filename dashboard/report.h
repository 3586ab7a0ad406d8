/* What the dashboard reports: /metrics, /healthz, /readyz and /status. Pure functions. */
#ifndef ROOMSTREAM_DASHBOARD_REPORT_H
#define ROOMSTREAM_DASHBOARD_REPORT_H

#include "feed.h"
#include "http/events.h"
#include "http/server.h"
#include "room.h"
#include "settings.h"

struct report {
    const struct dashboard_settings *settings;
    struct feed_state feed;
    const char *stuck; /* the thread that does not move, or NULL */
    double uptime;     /* s */
    double rate;       /* messages a second */
    struct http_events_counts clients;
    struct room_counts topics[ROOM_TOPICS];
};

void report_metrics(const struct report *report, struct http_answer *answer);
void report_health(const struct report *report, struct http_answer *answer);
void report_readiness(const struct report *report, struct http_answer *answer);
void report_status(const struct report *report, struct http_answer *answer);

#endif
