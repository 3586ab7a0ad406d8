/* How fast things went in the last seconds. */
#include "core_fixture.h"

#include "core/clock.h"
#include "http/recent.h"

#include <math.h>

static void assert_near(double value, double expected)
{
    if (fabs(value - expected) > 1e-9 * fabs(expected))
        fail_msg("%.17g is not %.17g", value, expected);
}

static void rates_are_those_of_the_last_samples(void **state)
{
    (void)state;
    struct recent samples = {0};
    struct recent_sample sample = {.time = 100 * SECOND, .received = 7, .delivered = 5};
    struct recent_rates rates = recent_rates(&samples, &sample);
    assert_near(rates.seconds, 0);
    assert_true(rates.p50 < 0);
    recent_add(&samples, &sample);
    rates = recent_rates(&samples, &sample);
    assert_near(rates.received, 0);
    sample.latency[0] = 1; /* soon more than ten seconds old */
    for (int i = 0; i < 30; i++) {
        sample.time += SECOND;
        sample.received += 20;
        sample.delivered += 10;
        recent_add(&samples, &sample);
    }
    sample.time += SECOND;
    sample.received += 20;
    sample.delivered += 120;
    sample.latency[5] = 10;
    rates = recent_rates(&samples, &sample);
    assert_near(rates.seconds, RECENT_SAMPLES);
    assert_near(rates.received, 20);
    assert_near(rates.delivered, 20);
    assert_near(rates.p50, 0.0035);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_those_of_the_last_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
