#include "core_fixture.h"

#include "core/clock.h"
#include "publish/pace.h"

/* Nothing here waits: the clock is a number. */

static void keeps_recorded_time(void **state)
{
    struct pace_settings settings = {.mode = PACE_RECORDED, .speed = 30};
    struct pace pace;
    (void)state;
    pace_init(&pace, &settings);
    assert_int_equal(pace_next(&pace, 1, 1000 * SECOND, 5 * SECOND), 5 * SECOND);
    assert_int_equal(pace_next(&pace, 1, 1000 * SECOND, 5 * SECOND), 5 * SECOND);
    assert_int_equal(pace_next(&pace, 1, 1030 * SECOND, 5 * SECOND), 6 * SECOND);
    /* However late the caller is, the next message is due in relation to the start. */
    assert_int_equal(pace_next(&pace, 1, 1060 * SECOND, 100 * SECOND), 7 * SECOND);
    assert_int_equal(pace_next(&pace, 1, 1061 * SECOND, 100 * SECOND), 7 * SECOND + SECOND / 30);
}

static void does_not_drift(void **state)
{
    struct pace_settings settings = {.mode = PACE_RECORDED, .speed = 7};
    struct pace pace;
    int64_t due = 0;
    (void)state;
    pace_init(&pace, &settings);
    /* 70 days of readings a second apart: ten days of replay. */
    for (int64_t time = 0; time <= 70 * 86400; time++)
        due = pace_next(&pace, 1, (1513939781 + time) * SECOND, due);
    assert_int_equal(due, 10 * 86400 * SECOND);
}

static void cuts_long_gaps(void **state)
{
    struct pace_settings settings = {.mode = PACE_RECORDED, .speed = 2, .max_gap = 10 * SECOND};
    struct pace pace;
    (void)state;
    pace_init(&pace, &settings);
    assert_int_equal(pace_next(&pace, 1, 0, 0), 0);
    assert_int_equal(pace_next(&pace, 1, 10 * SECOND, 0), 5 * SECOND);
    assert_int_equal(pace_next(&pace, 1, 1318557 * SECOND, 0), 10 * SECOND);
    assert_int_equal(pace_next(&pace, 1, 1318558 * SECOND, 0), 10 * SECOND + SECOND / 2);
    settings.max_gap = 0;
    pace_init(&pace, &settings);
    assert_int_equal(pace_next(&pace, 1, 0, 0), 0);
    assert_int_equal(pace_next(&pace, 1, 1318547 * SECOND, 0), 1318547 * SECOND / 2);
}

static void takes_time_that_goes_back_as_standing_still(void **state)
{
    struct pace_settings settings = {.mode = PACE_RECORDED, .speed = 1};
    struct pace pace;
    (void)state;
    pace_init(&pace, &settings);
    assert_int_equal(pace_next(&pace, 1, 1000 * SECOND, 0), 0);
    assert_int_equal(pace_next(&pace, 1, 1010 * SECOND, 0), 10 * SECOND);
    assert_int_equal(pace_next(&pace, 1, 900 * SECOND, 0), 10 * SECOND);
    assert_int_equal(pace_next(&pace, 1, 905 * SECOND, 0), 15 * SECOND);
}

static void survives_absurd_times(void **state)
{
    struct pace_settings settings = {.mode = PACE_RECORDED, .speed = 1e-6};
    struct pace pace;
    (void)state;
    pace_init(&pace, &settings);
    for (int i = 0; i < 1000; i++) {
        int64_t due = pace_next(&pace, 1, i % 2 ? INT64_MAX : INT64_MIN, SECOND);
        assert_true(due >= SECOND && due < INT64_MAX / 2);
    }
}

static void keeps_a_rate(void **state)
{
    struct pace_settings settings = {.mode = PACE_RATE, .rate = 3};
    struct pace pace;
    (void)state;
    pace_init(&pace, &settings);
    for (int64_t i = 0; i < 3000000; i++) {
        int64_t due = pace_next(&pace, 1, 7 * SECOND, 11);
        if (i % 3 == 0)
            assert_int_equal(due, 11 + i / 3 * SECOND);
    }
}

static void is_due_at_once_when_fast(void **state)
{
    struct pace_settings settings = {.mode = PACE_FAST, .speed = 1};
    struct pace pace;
    (void)state;
    pace_init(&pace, &settings);
    assert_int_equal(pace_next(&pace, 1, 0, 5), 5);
    assert_int_equal(pace_next(&pace, 1, 1000 * SECOND, 6), 6);
}

/* Whether the clock is read a thousand times a second or once a day, a day's replay has the right length. */
static void keeps_parts_of_a_second(void **state)
{
    struct pace_settings settings = {.mode = PACE_RECORDED, .speed = 2};
    struct pace pace;
    int64_t due = 0, now = 5;
    (void)state;
    pace_init(&pace, &settings);
    /* A reading every 30.0001 s, for two days; the caller is late by more every time. */
    for (int64_t i = 0; i <= 5760; i++) {
        due = pace_next(&pace, 1, i * (30 * SECOND + 100 * MICROSECOND), now);
        assert_int_equal(due, 5 + i * (15 * SECOND + 50 * MICROSECOND));
        now = due + i * MILLISECOND;
    }
    assert_int_equal(due, 5 + 86400 * SECOND + 288 * MILLISECOND);
}

static void jitters_and_keeps_the_order(void **state)
{
    struct pace_settings plain = {.mode = PACE_RECORDED, .speed = 1},
                         jittery = {
                             .mode = PACE_RECORDED, .speed = 1, .jitter = 400 * MILLISECOND, .seed = 7};
    struct pace without, with, again, other;
    int64_t before = 0, sum = 0;
    int differences = 0;
    (void)state;
    pace_init(&without, &plain);
    pace_init(&with, &jittery);
    pace_init(&again, &jittery);
    struct pace_settings another = jittery;
    another.seed = 8;
    pace_init(&other, &another);
    for (uint64_t i = 0; i < 10000; i++) {
        int64_t time = (int64_t)i * 100 * MILLISECOND, due = pace_next(&without, i, time, 0),
                jittered = pace_next(&with, i, time, 0);
        assert_true(jittered >= due && jittered < due + jittery.jitter && jittered >= before);
        assert_int_equal(jittered, pace_next(&again, i, time, 0));
        differences += jittered != pace_next(&other, i, time, 0);
        sum += jittered - due;
        before = jittered;
    }
    assert_true(differences > 9000);
    assert_true(sum / 10000 > jittery.jitter / 4);
    /* A message's jitter is its own, whatever went before it. */
    struct pace alone;
    pace_init(&alone, &jittery);
    pace_init(&with, &jittery);
    pace_next(&with, 1, 0, 0);
    pace_next(&alone, 2, 0, 0);
    assert_int_equal(pace_next(&with, 77, 1000 * SECOND, 0), pace_next(&alone, 77, 1000 * SECOND, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_recorded_time),
        cmocka_unit_test(does_not_drift),
        cmocka_unit_test(cuts_long_gaps),
        cmocka_unit_test(keeps_parts_of_a_second),
        cmocka_unit_test(jitters_and_keeps_the_order),
        cmocka_unit_test(takes_time_that_goes_back_as_standing_still),
        cmocka_unit_test(survives_absurd_times),
        cmocka_unit_test(keeps_a_rate),
        cmocka_unit_test(is_due_at_once_when_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
