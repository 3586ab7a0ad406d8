#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "downlink/offsets.h"

/* The position moves over what is done without a gap, in whatever order that happens. */
static void test_position_is_contiguous(void **state)
{
    struct offsets o = {0};
    (void)state;
    offsets_begin(&o);
    assert_false(offsets_due(&o));
    for (int64_t offset = 10; offset < 15; offset++)
        offsets_take(&o, offset);
    assert_int_equal(o.position, 10);
    offsets_done(&o, 11);
    offsets_done(&o, 14);
    offsets_done(&o, 11);
    assert_int_equal(o.position, 10);
    offsets_done(&o, 10);
    assert_int_equal(o.position, 12);
    assert_true(offsets_due(&o));
    assert_int_equal(o.undone, 2);
    offsets_done(&o, 12);
    offsets_done(&o, 13);
    assert_int_equal(o.position, 15);
    assert_int_equal(o.undone, 0);
    offsets_free(&o);
}

static void test_commit_gives_room(void **state)
{
    struct offsets o = {0};
    (void)state;
    offsets_begin(&o);
    for (int64_t offset = 0; offset < 1000; offset += 2) { /* compacted: every other one is missing */
        offsets_take(&o, offset);
        offsets_done(&o, offset);
        if (offset % 100 == 0) {
            offsets_committed(&o, o.position);
            assert_int_equal(offsets_open(&o), 0);
            assert_false(offsets_due(&o));
        }
    }
    assert_int_equal(offsets_open(&o), 49);
    assert_true(o.room <= 128);
    offsets_committed(&o, o.position + 1); /* never said by us */
    offsets_committed(&o, 5);              /* late */
    assert_int_equal(offsets_open(&o), 49);
    offsets_free(&o);
}

static void test_where_to_read_on(void **state)
{
    struct offsets o = {0};
    (void)state;
    offsets_begin(&o);
    assert_int_equal(offsets_next(&o), -1);
    offsets_start(&o, 5);
    assert_int_equal(offsets_next(&o), 5);
    offsets_take(&o, 7);
    offsets_take(&o, 9);
    assert_int_equal(offsets_next(&o), 10); /* not what is on its way */
    offsets_end(&o, 12);
    assert_int_equal(offsets_next(&o), 12);
    offsets_rewind(&o);
    assert_int_equal(offsets_next(&o), 5);
    offsets_free(&o);
}

static void test_end_moves_over_marks_of_transactions(void **state)
{
    struct offsets o = {0};
    (void)state;
    offsets_begin(&o);
    offsets_end(&o, 5);
    assert_int_equal(o.position, 5);
    assert_false(offsets_due(&o)); /* Kafka's own position led there */
    offsets_take(&o, 5);
    offsets_end(&o, 7);
    assert_int_equal(o.position, 5);
    offsets_done(&o, 5);
    assert_int_equal(o.position, 7);
    offsets_free(&o);
}

static void test_rewind_takes_again_what_is_not_done(void **state)
{
    struct offsets o = {0};
    (void)state;
    offsets_begin(&o);
    for (int64_t offset = 0; offset < 5; offset++)
        offsets_take(&o, offset);
    offsets_done(&o, 0);
    offsets_done(&o, 3);
    offsets_rewind(&o);
    assert_int_equal(o.position, 1);
    assert_int_equal(o.undone, 0);
    assert_int_equal(offsets_open(&o), 1); /* 0 is not committed */
    /* 1 is gone meanwhile. */
    for (int64_t offset = 2; offset < 5; offset++) {
        offsets_take(&o, offset);
        offsets_done(&o, offset);
    }
    assert_int_equal(o.undone, 0);
    offsets_free(&o);
}

static void test_start_is_committed(void **state)
{
    struct offsets o = {0};
    (void)state;
    offsets_start(&o, 0);
    assert_true(offsets_due(&o));
    offsets_committed(&o, 0);
    assert_false(offsets_due(&o));
    offsets_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_position_is_contiguous),
        cmocka_unit_test(test_commit_gives_room),
        cmocka_unit_test(test_where_to_read_on),
        cmocka_unit_test(test_end_moves_over_marks_of_transactions),
        cmocka_unit_test(test_rewind_takes_again_what_is_not_done),
        cmocka_unit_test(test_start_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
