/* Missing and doubled numbers. */
#include "core_fixture.h"

#include "subscribe/sequence.h"

static struct sequence *sequence; /* fresh for each test */

static void add(uint64_t number)
{
    assert_int_equal(sequence_add(sequence, number), SEQUENCE_NEW);
}

static void add_doubled(uint64_t number)
{
    assert_int_equal(sequence_add(sequence, number), SEQUENCE_DOUBLED);
}

static void add_range(uint64_t from, uint64_t to)
{
    for (uint64_t number = from; number <= to; number++)
        add(number);
}

static void assert_faults(uint64_t missing, uint64_t doubled)
{
    assert_int_equal(sequence_missing(sequence), missing);
    assert_int_equal(sequence->doubled, doubled);
}

static void nothing_is_wrong(void **state)
{
    (void)state;
    assert_faults(0, 0);
    add_range(1000, 1000 + 3 * SEQUENCE_WINDOW);
    assert_faults(0, 0);
    assert_int_equal(sequence->times_begun, 1);
}

static void gaps_doubles_and_late_ones(void **state)
{
    (void)state;
    add(10);
    add(12);
    assert_faults(1, 0);
    add(11);
    assert_faults(0, 0);
    add_doubled(11);
    add(20);
    add(8); /* from before the first */
    assert_faults(8, 1);
    add(9);
    add_doubled(10);
    assert_faults(7, 2);
}

static void the_window_moves(void **state)
{
    (void)state;
    add_range(1, 10);
    add(10 + SEQUENCE_WINDOW - 1);
    assert_faults(SEQUENCE_WINDOW - 2, 0);
    add_doubled(10);
    add(11 + SEQUENCE_WINDOW);
    add(12); /* the lowest in the window */
    add_doubled(12);
    assert_faults(SEQUENCE_WINDOW - 2, 2);
    uint64_t far = 11 + SEQUENCE_WINDOW + (uint64_t)SEQUENCE_JUMP;
    add(far);
    assert_faults(far - 14, 2);
    add(far - 1);
    add_doubled(far);
    assert_int_equal(sequence->times_begun, 1);
}

static void it_begins_again(void **state)
{
    (void)state;
    add(1);
    add_range(3, SEQUENCE_WINDOW + 1);
    add(2); /* just in the window */
    assert_int_equal(sequence->times_begun, 1);
    add_range(SEQUENCE_WINDOW + 3, SEQUENCE_WINDOW + 10);
    assert_faults(1, 0);
    add(1);
    add(2);
    assert_int_equal(sequence->times_begun, 2);
    assert_faults(1, 0);
    add(4);
    add_doubled(2);
    assert_faults(2, 1);
}

/* What is no count leaves those that are as they were. */
static void damaged_numbers_are_not_missing_ones(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        add(1);
        add(3);
        add(INT64_MAX);
        add_doubled(INT64_MAX);
        add(INT64_MAX - 1);
    }
    assert_faults(10, 10);
    assert_int_equal(sequence->times_begun, 20);
}

static int fresh(void **state)
{
    (void)state;
    sequence = calloc(1, sizeof *sequence);
    return sequence ? 0 : -1;
}

static int gone(void **state)
{
    (void)state;
    free(sequence);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_wrong, fresh, gone),
        cmocka_unit_test_setup_teardown(gaps_doubles_and_late_ones, fresh, gone),
        cmocka_unit_test_setup_teardown(the_window_moves, fresh, gone),
        cmocka_unit_test_setup_teardown(it_begins_again, fresh, gone),
        cmocka_unit_test_setup_teardown(damaged_numbers_are_not_missing_ones, fresh, gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
