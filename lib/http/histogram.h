/* How long things took, in buckets: written by one thread without locks, read by any. */
#ifndef ROOMSTREAM_HTTP_HISTOGRAM_H
#define ROOMSTREAM_HTTP_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 22, HISTOGRAM_BUCKETS = HISTOGRAM_BOUNDS + 1 };

/* Upper bounds of the buckets in seconds, from 0.1 ms to a day; the last bucket has none. */
extern const double histogram_bounds[HISTOGRAM_BOUNDS];

/* Zero-initialized is empty. */
struct histogram {
    _Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
    _Atomic double sum; /* ns; a clock that was set makes it greater than an int64_t can hold */
};

/* Counts one that took `ns`; less than 0 (a clock was set back) counts as 0. One thread only. */
void histogram_add(struct histogram *histogram, int64_t ns);

/* Copies the buckets. Any thread. */
void histogram_read(const struct histogram *histogram, uint64_t buckets[static HISTOGRAM_BUCKETS]);

/* The quantile (0 to 1) in seconds, interpolated within a bucket as Prometheus does it; the greatest bound
 * where it is above all of them, -1 when the buckets are empty. */
double histogram_quantile(const uint64_t buckets[static HISTOGRAM_BUCKETS], double quantile);

#endif
