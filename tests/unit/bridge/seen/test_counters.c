/* The counters of a bridge: buckets, quantiles, and librdkafka's statistics. */
#include "core_fixture.h"

#include "bridge/seen/counters.h"
#include "core/clock.h"

#include <librdkafka/rdkafka.h>
#include <math.h>

static void assert_near(double value, double expected)
{
    if (fabs(value - expected) > 1e-9 * fabs(expected))
        fail_msg("%.17g is not %.17g", value, expected);
}

static uint64_t in_bucket(const struct histogram *histogram, double bound)
{
    uint64_t buckets[HISTOGRAM_BUCKETS];
    histogram_read(histogram, buckets);
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++)
        if (fabs(histogram_bounds[i] - bound) < 1e-9)
            return buckets[i];
    return buckets[HISTOGRAM_BOUNDS];
}

static void bounds_are_inclusive(void **state)
{
    (void)state;
    struct histogram histogram = {0};
    histogram_add(&histogram, -5);
    histogram_add(&histogram, 0);
    histogram_add(&histogram, 100 * MICROSECOND);
    histogram_add(&histogram, 100 * MICROSECOND + 1);
    histogram_add(&histogram, 86400 * SECOND);
    histogram_add(&histogram, 86401 * SECOND);
    assert_int_equal(in_bucket(&histogram, 0.0001), 3);
    assert_int_equal(in_bucket(&histogram, 0.0002), 1);
    assert_int_equal(in_bucket(&histogram, 86400), 1);
    assert_int_equal(in_bucket(&histogram, HUGE_VAL), 1);
    assert_int_equal((int64_t)histogram.sum, 200 * MICROSECOND + 1 + (int64_t)172801 * SECOND);
    /* Messages of a clock that was at 1970. */
    for (int i = 0; i < 2; i++)
        histogram_add(&histogram, INT64_MAX);
    assert_true(histogram.sum > 1.8e19);
    for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
        assert_true(histogram_bounds[i - 1] < histogram_bounds[i]);
}

static void quantiles_are_interpolated(void **state)
{
    (void)state;
    uint64_t buckets[HISTOGRAM_BUCKETS] = {0};
    assert_true(histogram_quantile(buckets, 0.5) < 0);
    buckets[3] = 100; /* from 0.5 ms to 1 ms */
    assert_near(histogram_quantile(buckets, 0.5), 0.00075);
    assert_near(histogram_quantile(buckets, 1), 0.001);
    buckets[5] = 100; /* from 2 ms to 5 ms */
    assert_near(histogram_quantile(buckets, 0.5), 0.001);
    assert_near(histogram_quantile(buckets, 0.75), 0.0035);
    buckets[HISTOGRAM_BOUNDS] = 1000;
    assert_near(histogram_quantile(buckets, 0.99), 86400);
}

/* Memory as librdkafka hands it over. */
static char *library_text(const char *text)
{
    char *copy = rd_kafka_mem_malloc(NULL, strlen(text) + 1);
    assert_non_null(copy);
    return strcpy(copy, text);
}

static void assert_statistics(struct counters *counters, const char *text, bool connected)
{
    struct statistics statistics = counters_get_statistics(counters);
    if (text)
        assert_string_equal(statistics.text, text);
    else
        assert_null(statistics.text);
    assert_int_equal(statistics.connected, connected);
    free(statistics.text);
}

static void the_last_statistics_are_kept_until_another_producer(void **state)
{
    static const char up[] = "{\"state\":\"UP\"}", down[] = "{\"state\":\"DOWN\"}";
    struct counters counters = {0};
    (void)state;
    counters_init(&counters);
    assert_statistics(&counters, NULL, false);
    counters_take_statistics(&counters, library_text(down));
    assert_statistics(&counters, down, false);
    counters_take_statistics(&counters, library_text(up));
    assert_statistics(&counters, up, true);
    assert_statistics(&counters, up, true);
    counters_take_statistics(&counters, library_text(down));
    assert_statistics(&counters, down, true); /* it was a moment ago */
    counters_take_statistics(&counters, NULL);
    assert_statistics(&counters, NULL, false);
    counters_take_statistics(&counters, library_text(down));
    assert_statistics(&counters, down, false);
    counters_free(&counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_inclusive),
        cmocka_unit_test(quantiles_are_interpolated),
        cmocka_unit_test(the_last_statistics_are_kept_until_another_producer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
