/* The progress that a replay shows. */
#include "core_fixture.h"

#include "core/clock.h"
#include "core/progress.h"

static const struct progress_state half = {.rows = 2031, .messages = 8124, .part = 0.5, .in_flight = 19};

static void check(const struct progress_state *state, int64_t elapsed, double rate, size_t columns,
                  const char *wanted)
{
    char text[PROGRESS_TEXT_SIZE];
    progress_text(state, elapsed, rate, columns, text);
    assert_string_equal(text, wanted);
}

static void draws_a_bar_that_fits(void **state)
{
    (void)state;
    check(&half, 10 * SECOND, 812.4, 120,
          "[====================>                   ] 50%, 8124 messages, 812/s, 0:10 left, 2031 rows, 19 in "
          "flight");
    check(&half, 10 * SECOND, 812.4, 80,
          "[=======>       ] 50%, 8124 messages, 812/s, 0:10 left, 2031 rows, 19 in flight");
}

static void fits_any_width(void **state)
{
    (void)state;
    for (size_t columns = 1; columns < 400; columns++) {
        char text[PROGRESS_TEXT_SIZE];
        progress_text(&half, 100 * 3600 * SECOND, 1e9, columns, text);
        assert_true(strlen(text) < columns);
    }
    check(&half, 10 * SECOND, 812.4, 20, "50%, 8124 messages");
    check(&half, 10 * SECOND, 812.4, 6, "50%, ");
}

static void tells_what_is_known(void **state)
{
    struct progress_state unknown = half, limited = half, done = half, endless = half;
    (void)state;
    unknown.part = -1;
    limited.limit = 10000;
    done.part = 1;
    endless.part = -1;
    endless.loop = 3;
    check(&half, 10 * SECOND, 812.4, 0, "50%, 8124 messages, 812/s, 0:10 left, 2031 rows, 19 in flight");
    check(&unknown, 10 * SECOND, 4, 0, "8124 messages, 4.0/s, 2031 rows, 19 in flight");
    check(&unknown, 10 * SECOND, 4, 80, "8124 messages, 4.0/s, 2031 rows, 19 in flight");
    check(&limited, 100 * SECOND, 812.4, 0, "81%, 8124 messages, 812/s, 0:23 left, 2031 rows, 19 in flight");
    check(&done, 10 * SECOND, 812.4, 0, "100%, 8124 messages, 812/s, 2031 rows, 19 in flight");
    check(&endless, 10 * SECOND, 812.4, 80, "8124 messages, 812/s, 2031 rows, loop 3, 19 in flight");
    check(&half, 7325 * SECOND, 812.4, 0, "50%, 8124 messages, 812/s, 2:02:05 left, 2031 rows, 19 in flight");
}

static void pauses_do_not_make_the_time_left_climb(void **state)
{
    (void)state;
    struct progress progress = {0};
    int64_t now = 7 * SECOND;
    progress_start(&progress, now);
    for (uint64_t messages = 1; messages <= 60; messages++)
        assert_int_equal(progress_active(&progress, messages, now += SECOND), (int64_t)messages * SECOND);
    assert_int_equal(progress_active(&progress, 60, now + 3 * SECOND), 63 * SECOND);
    assert_int_equal(progress_active(&progress, 60, now + 3600 * SECOND), 65 * SECOND);
    assert_int_equal(progress_active(&progress, 61, now += 3600 * SECOND), 65 * SECOND);
    assert_int_equal(progress_active(&progress, 62, now += SECOND), 66 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_a_bar_that_fits),
        cmocka_unit_test(fits_any_width),
        cmocka_unit_test(tells_what_is_known),
        cmocka_unit_test(pauses_do_not_make_the_time_left_climb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
