/* Which thread the watchdog reports as stuck, with the test's own clock and threads. */
#include "core_fixture.h"

#include "bridge/seen/watchdog.h"

static int64_t now;
static uint64_t forwarder_steps, receiver_steps;
static bool idle;

int64_t __wrap_clock_monotonic(void);
int64_t __wrap_clock_monotonic(void)
{
    return now;
}

uint64_t forwarder_beat(const struct forwarder *forwarder)
{
    (void)forwarder;
    return forwarder_steps;
}

uint64_t receiver_beat(const struct receiver *receiver)
{
    (void)receiver;
    return receiver_steps;
}

bool receiver_is_idle(const struct receiver *receiver)
{
    (void)receiver;
    return idle;
}

static void look_for(struct watchdog *watchdog, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        now += SECOND;
        watchdog_look(watchdog);
    }
}

static void a_thread_that_makes_no_step_is_stuck(void **state)
{
    (void)state;
    struct watchdog watchdog;
    int64_t still;
    now = 10 * SECOND;
    idle = true;
    watchdog_begin(&watchdog, NULL, NULL);
    look_for(&watchdog, 30);
    assert_null(watchdog_find_stuck(&watchdog, watchdog_longest_step, &still));
    look_for(&watchdog, 1);
    assert_string_equal(watchdog_find_stuck(&watchdog, watchdog_longest_step, &still), "forwarder");
    assert_int_equal(still, 31 * SECOND);
    forwarder_steps++;
    look_for(&watchdog, 1);
    assert_null(watchdog_find_stuck(&watchdog, watchdog_longest_step, &still));
}

static void a_receiver_may_rest_but_not_hang(void **state)
{
    (void)state;
    struct watchdog watchdog;
    int64_t still;
    idle = true;
    watchdog_begin(&watchdog, NULL, NULL);
    for (int i = 0; i < 100; i++, forwarder_steps++)
        look_for(&watchdog, 1);
    assert_null(watchdog_find_stuck(&watchdog, 5 * SECOND, &still));
    idle = false;
    for (int i = 0; i < 6; i++, forwarder_steps++)
        look_for(&watchdog, 1);
    assert_string_equal(watchdog_find_stuck(&watchdog, 5 * SECOND, &still), "receiver");
    assert_null(watchdog_find_stuck(&watchdog, watchdog_longest_step, &still));
}

/* Others ask, too, as a server does. */
static void a_main_thread_that_does_not_look_is_stuck(void **state)
{
    (void)state;
    struct watchdog watchdog;
    int64_t still;
    idle = true;
    watchdog_begin(&watchdog, NULL, NULL);
    now += 30 * SECOND;
    assert_null(watchdog_find_stuck(&watchdog, watchdog_longest_step, &still));
    now += SECOND;
    assert_string_equal(watchdog_find_stuck(&watchdog, watchdog_longest_step, &still), "main thread");
    assert_int_equal(still, 31 * SECOND);
    watchdog_look(&watchdog);
    assert_null(watchdog_find_stuck(&watchdog, watchdog_longest_step, &still));
}

/* After the whole process was frozen, all threads get the full time again. */
static void who_looks_late_blames_nobody(void **state)
{
    (void)state;
    struct watchdog watchdog;
    int64_t still;
    idle = false;
    watchdog_begin(&watchdog, NULL, NULL);
    look_for(&watchdog, 20);
    now += 60 * SECOND;
    watchdog_look(&watchdog);
    assert_null(watchdog_find_stuck(&watchdog, watchdog_longest_step, &still));
    look_for(&watchdog, 31);
    assert_non_null(watchdog_find_stuck(&watchdog, watchdog_longest_step, &still));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_makes_no_step_is_stuck),
        cmocka_unit_test(a_receiver_may_rest_but_not_hang),
        cmocka_unit_test(a_main_thread_that_does_not_look_is_stuck),
        cmocka_unit_test(who_looks_late_blames_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
