/* Rates of the last seconds, from samples of counters that are taken about once a second. Not thread-safe. */
#ifndef ROOMSTREAM_HTTP_RECENT_H
#define ROOMSTREAM_HTTP_RECENT_H

#include "histogram.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { RECENT_SAMPLES = 11 };

struct recent_sample {
    int64_t time; /* monotonic ns */
    uint64_t received, delivered;
    uint64_t latency[HISTOGRAM_BUCKETS];
};

/* Zero-initialized is empty. */
struct recent {
    struct recent_sample samples[RECENT_SAMPLES]; /* the oldest one is overwritten */
    size_t count;                                 /* of all that were ever added */
};

struct recent_rates {
    double seconds;             /* how long the time is that they are of */
    double received, delivered; /* messages a second */
    double p50, p99;            /* latency in seconds, -1 when nothing was delivered */
};

void recent_add(struct recent *recent, const struct recent_sample *sample);

/* The rates from the oldest sample to this one; all 0 when there is none. */
struct recent_rates recent_rates(const struct recent *recent, const struct recent_sample *now);

/* The rates for /status: seconds, the two rates by these names, and the latencies. */
json_t *recent_json(const struct recent_rates *rates, const char *received, const char *delivered);

#endif
