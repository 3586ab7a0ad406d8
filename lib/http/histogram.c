#include "histogram.h"

#include "core/clock.h"

#include <stddef.h>

const double histogram_bounds[HISTOGRAM_BOUNDS] = {0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
                                                   0.05,   0.1,    0.2,    0.5,   1,     2,     5,    10,
                                                   30,     60,     300,    1800,  7200,  86400};

/* The first bucket whose bound is not below. */
static size_t find_bucket(double seconds)
{
    size_t low = 0, high = HISTOGRAM_BOUNDS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (histogram_bounds[middle] < seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void histogram_add(struct histogram *h, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    _Atomic uint64_t *bucket = &h->buckets[find_bucket((double)ns / SECOND)];
    /* There is one writer: no need for an atomic addition. */
    atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&h->sum, atomic_load_explicit(&h->sum, memory_order_relaxed) + (double)ns,
                          memory_order_relaxed);
}

void histogram_read(const struct histogram *h, uint64_t buckets[static HISTOGRAM_BUCKETS])
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        buckets[i] = atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
}

double histogram_quantile(const uint64_t buckets[static HISTOGRAM_BUCKETS], double quantile)
{
    uint64_t count = 0, below = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        count += buckets[i];
    if (count == 0)
        return -1;
    double rank = quantile * (double)count;
    size_t i = 0;
    while (i < HISTOGRAM_BOUNDS && (buckets[i] == 0 || (double)(below + buckets[i]) < rank))
        below += buckets[i++];
    if (i == HISTOGRAM_BOUNDS)
        return histogram_bounds[HISTOGRAM_BOUNDS - 1];
    double lower = i == 0 ? 0 : histogram_bounds[i - 1];
    return lower + (histogram_bounds[i] - lower) * (rank - (double)below) / (double)buckets[i];
}
