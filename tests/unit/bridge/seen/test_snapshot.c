/* How a bridge is: rates, and what is judged. */
#include "core_fixture.h"

#include "bridge/seen/snapshot.h"
#include "core/clock.h"

#include <math.h>

static void assert_near(double value, double expected)
{
    if (fabs(value - expected) > 1e-9 * fabs(expected))
        fail_msg("%.17g is not %.17g", value, expected);
}

static void rates_are_those_of_the_last_samples(void **state)
{
    (void)state;
    struct samples samples = {0};
    struct sample sample = {.time = 100 * SECOND, .received = 7, .delivered = 5};
    struct rates rates = samples_rates(&samples, &sample);
    assert_near(rates.seconds, 0);
    assert_true(rates.p50 < 0);
    samples_add(&samples, &sample);
    rates = samples_rates(&samples, &sample);
    assert_near(rates.received, 0);
    sample.latency[0] = 1; /* soon more than ten seconds old */
    for (int i = 0; i < 30; i++) {
        sample.time += SECOND;
        sample.received += 20;
        sample.delivered += 10;
        samples_add(&samples, &sample);
    }
    sample.time += SECOND;
    sample.received += 20;
    sample.delivered += 120;
    sample.latency[5] = 10;
    rates = samples_rates(&samples, &sample);
    assert_near(rates.seconds, SAMPLES);
    assert_near(rates.received, 20);
    assert_near(rates.delivered, 20);
    assert_near(rates.p50, 0.0035);
}

static void note(void *context, const char *problem)
{
    char *all = context;
    strcat(strcat(all, problem), "; ");
}

static void assert_judged(const struct snapshot *snapshot, bool ready, bool healthy, const char *problems)
{
    char all[500] = "";
    assert_int_equal(snapshot_is_ready(snapshot), ready);
    assert_int_equal(snapshot_is_healthy(snapshot), healthy);
    snapshot_problems(snapshot, note, all);
    assert_string_equal(all, problems);
}

static void ready_is_who_receives_and_delivers(void **state)
{
    struct snapshot s = {.mqtt = MQTT_SUBSCRIBED, .kafka = KAFKA_CONNECTED};
    (void)state;
    assert_judged(&s, true, true, "");
    s.mqtt = MQTT_CONNECTING;
    assert_judged(&s, false, true, "MQTT: connecting, not subscribed; ");
    s.mqtt = MQTT_PAUSED;
    assert_judged(&s, false, true, "MQTT: disconnected while the spool is nearly full; ");
    s.mqtt = MQTT_SUBSCRIBED;
    s.kafka = KAFKA_FAILING;
    strcpy(s.trouble, "no right");
    assert_judged(&s, false, true, "Kafka: failing: no right; ");
    s.kafka = KAFKA_CONNECTED;
    strcpy(s.stuck, "the forwarder has not moved for 31 s");
    assert_judged(&s, false, false, "the forwarder has not moved for 31 s; ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_those_of_the_last_samples),
        cmocka_unit_test(ready_is_who_receives_and_delivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
