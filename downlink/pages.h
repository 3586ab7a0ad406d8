/* What downlink shows over HTTP: /metrics, /healthz, /readyz and /status. The main thread passes its state
 * now and then; the HTTP server's thread answers requests from the last one. */
#ifndef ROOMSTREAM_DOWNLINK_PAGES_H
#define ROOMSTREAM_DOWNLINK_PAGES_H

#include "counts.h"
#include "settings.h"

#include "http/histogram.h"
#include "http/recent.h"
#include "kafka/dead_letter_topic.h"

#include <stdio.h>

struct pages;

/* The state of downlink at one moment. */
struct view {
    int64_t time; /* monotonic ns */
    struct counts counts;
    uint64_t dead_letters; /* in the log */
    struct dead_letter_topic_counts announced;
    const char *mqtt;  /* connecting, connected, disconnected */
    const char *kafka; /* waiting (for MQTT), connecting, connected, unreachable */
    char kafka_trouble[640];
    bool dead_letter_waits; /* one cannot be written */
    struct partition_view *partitions;
    size_t partition_count;
    uint64_t latency[HISTOGRAM_BUCKETS];
    double latency_sum; /* seconds */
    /* filled in by the pages: */
    const struct downlink_settings *settings;
    double uptime;
    struct recent_rates recent;
    double lag, lag_seconds; /* of all partitions, the greatest in seconds; -1: not known */
    bool healthy, ready;
};

/* Begins to serve at settings->http.address. The settings outlive the pages. NULL with *error. */
struct pages *pages_open(const struct downlink_settings *settings, struct error *error);

/* Takes over view->partitions, which is freed by free(). */
void pages_show(struct pages *pages, const struct view *view);

/* NULL is allowed. */
void pages_close(struct pages *pages);

/* ---- inside ---- */

/* What keeps it from being ready and healthy, in sentence fragments, one call each. */
void view_problems(const struct view *view, void (*say)(void *context, const char *problem), void *context);

void metrics_page_write(const struct view *view, FILE *out);
void status_page_write(const struct view *view, FILE *out);

#endif
