#include "counters.h"

#include "core/clock.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

/* Statistics come once a second; a connection that a broker has closed takes about as long to come back. */
static const int64_t reconnect_time = 5 * SECOND;

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

void counters_init(struct counters *m)
{
    pthread_mutex_init(&m->mutex, NULL);
}

static void free_text(char *text)
{
    if (text)
        rd_kafka_mem_free(NULL, text);
}

void counters_free(struct counters *m)
{
    free_text(m->statistics);
    pthread_mutex_destroy(&m->mutex);
}

void counters_set_trouble(struct counters *m, const char *text)
{
    pthread_mutex_lock(&m->mutex);
    snprintf(m->trouble, sizeof m->trouble, "%s", text);
    pthread_mutex_unlock(&m->mutex);
}

void counters_get_trouble(struct counters *m, char text[static COUNTERS_TROUBLE_SIZE])
{
    pthread_mutex_lock(&m->mutex);
    snprintf(text, COUNTERS_TROUBLE_SIZE, "%s", m->trouble);
    pthread_mutex_unlock(&m->mutex);
}

void counters_take_statistics(struct counters *m, char *text)
{
    int64_t now = clock_monotonic();
    bool up = text && strstr(text, "\"state\":\"UP"); /* UP or UPDATE, which is up, too */
    pthread_mutex_lock(&m->mutex);
    char *before = m->statistics;
    m->statistics = text;
    m->statistics_time = text ? now : 0;
    if (up || !text)
        m->statistics_up_time = m->statistics_time;
    pthread_mutex_unlock(&m->mutex);
    free_text(before);
}

struct statistics counters_get_statistics(struct counters *m)
{
    struct statistics statistics = {0};
    pthread_mutex_lock(&m->mutex);
    if (m->statistics) {
        statistics.text = strdup(m->statistics);
        statistics.age = clock_monotonic() - m->statistics_time;
        statistics.connected =
            m->statistics_up_time && m->statistics_time - m->statistics_up_time < reconnect_time;
    }
    pthread_mutex_unlock(&m->mutex);
    return statistics;
}
