/* Prometheus' text format, byte for byte; promtool judges a whole page in tests/flow/test_metrics.py. */
#include "core_fixture.h"

#include "http/prometheus.h"

#include <stdlib.h>

#define assert_writes(expected, statement)                                                                   \
    do {                                                                                                     \
        char *text = NULL;                                                                                   \
        size_t length;                                                                                       \
        FILE *out = open_memstream(&text, &length);                                                          \
        assert_non_null(out);                                                                                \
        statement;                                                                                           \
        fclose(out);                                                                                         \
        assert_string_equal(text, expected);                                                                 \
        free(text);                                                                                          \
    } while (0)

static void writes_heads_and_values(void **state)
{
    (void)state;
    assert_writes("# HELP a_total What it is.\n# TYPE a_total counter\na_total 123456789012345\n",
                  prometheus_counter(out, "a_total", "What it is.", 123456789012345));
    assert_writes("# HELP b What.\n# TYPE b gauge\nb 0.1\n", prometheus_gauge(out, "b", "What.", 0.1));
    assert_writes("b -1\n", prometheus_sample(out, "b", -1, NULL));
}

static void escapes_labels(void **state)
{
    (void)state;
    assert_writes("a{x=\"1\",y=\"a\\\\b\\\"c\\nd°\"} 1\n",
                  prometheus_sample(out, "a", 1, "x", "1", "y", "a\\b\"c\nd°", NULL));
    assert_writes("a{x=\"\"} 0\n", prometheus_sample(out, "a", 0, "x", "", NULL));
}

static void sums_buckets_up(void **state)
{
    static const double bounds[] = {0.001, 2};
    static const uint64_t buckets[] = {3, 0, 4};
    (void)state;
    assert_writes("# HELP t_seconds T.\n# TYPE t_seconds histogram\nt_seconds_bucket{le=\"0.001\"} 3\n"
                  "t_seconds_bucket{le=\"2\"} 3\nt_seconds_bucket{le=\"+Inf\"} 7\nt_seconds_sum "
                  "9.5\nt_seconds_count 7\n",
                  prometheus_histogram(out, "t_seconds", "T.", bounds, buckets, 2, 9.5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_heads_and_values),
        cmocka_unit_test(escapes_labels),
        cmocka_unit_test(sums_buckets_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
