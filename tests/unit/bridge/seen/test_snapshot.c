/* Whether a bridge is ready and healthy. */
#include "core_fixture.h"

#include "bridge/seen/snapshot.h"

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
        cmocka_unit_test(ready_is_who_receives_and_delivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
