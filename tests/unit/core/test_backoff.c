/* Waits between tries. */
#include "core_fixture.h"

#include "core/backoff.h"
#include "core/clock.h"

static void backoff_bounds(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct backoff backoff = {.first = 100, .longest = 1000};
        for (int64_t step = 100; step <= 1600; step *= 2) {
            int64_t bound = step < 1000 ? step : 1000, wait = backoff_next(&backoff);
            assert_in_range(wait, bound / 2, bound);
        }
        for (int i = 0; i < 5; i++)
            assert_in_range(backoff_next(&backoff), 500, 1000);
        backoff_reset(&backoff);
        assert_in_range(backoff_next(&backoff), 50, 100);
    }
}

static void backoff_jitter(void **state)
{
    struct backoff backoff = {.first = SECOND, .longest = SECOND};
    int64_t lowest = INT64_MAX, highest = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t wait = backoff_next(&backoff);
        lowest = wait < lowest ? wait : lowest;
        highest = wait > highest ? wait : highest;
    }
    assert_in_range(lowest, SECOND / 2, SECOND / 2 + SECOND / 20);
    assert_in_range(highest, SECOND - SECOND / 20, SECOND);
}

static void backoff_does_not_overflow(void **state)
{
    struct backoff backoff = {.first = INT64_MAX / 3, .longest = INT64_MAX};
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(backoff_next(&backoff) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_bounds),
        cmocka_unit_test(backoff_jitter),
        cmocka_unit_test(backoff_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
