#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock.h"
#include "downlink/blame.h"

enum { WINDOW = 10 };

static int64_t bad = 50; /* the offset of the message that is not answered */

/* A connection in which so many are sent one after the other, and so many answered. Does it take a new
 * session? */
static bool connection(struct blame *b, int sent, int answered, int64_t duration)
{
    static int64_t other = 1000;
    blame_connected(b, SECOND);
    for (int i = 0; i < sent; i++) {
        blame_sent(b, (struct blame_id){NULL, i < answered ? other++ : bad}, SECOND);
        if (i < answered)
            assert_false(blame_settled(b, true));
    }
    return blame_ended(b, SECOND + duration);
}

/* A new session gives back what is in flight. Is one of them to blame? */
static bool give_back(struct blame *b)
{
    bool guilty = false;
    while (b->in_flight > 0)
        guilty |= blame_settled(b, false);
    return guilty;
}

static struct blame suspicious(void)
{
    struct blame b = {.window = WINDOW};
    assert_false(connection(&b, 5, 2, SECOND));
    assert_false(connection(&b, 5, 2, 5 * SECOND));
    assert_false(connection(&b, 5, 2, SECOND));
    assert_false(connection(&b, 0, 0, MINUTE));
    assert_int_equal(b.singly, 0);
    assert_true(connection(&b, 0, 0, MINUTE));
    assert_int_equal(b.singly, WINDOW);
    assert_false(give_back(&b));
    return b;
}

static void test_the_one_that_ends_it_is_found(void **state)
{
    (void)state;
    struct blame b = suspicious();
    assert_true(connection(&b, 2, 1, SECOND)); /* one is answered, then comes the other */
    assert_false(give_back(&b));
    assert_true(connection(&b, 1, 0, SECOND));
    assert_false(give_back(&b));
    assert_true(connection(&b, 1, 0, SECOND));
    assert_true(give_back(&b));
    assert_int_equal(b.singly, 0);
    assert_false(connection(&b, 5, 0, SECOND));
}

/* As between the messages of another partition, of which many are answered in each connection. */
static void test_it_is_found_among_others(void **state)
{
    (void)state;
    struct blame b = suspicious();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(b.alone, i);
        assert_true(connection(&b, WINDOW - 1, WINDOW - 2, SECOND));
        assert_int_equal(give_back(&b), i == 2);
    }
}

/* The broker ends again and again, each time with another message. */
static void test_another_one_each_time(void **state)
{
    (void)state;
    struct blame b = suspicious();
    for (int i = 0; i < 20; i++, bad++) {
        assert_true(connection(&b, 1, 0, SECOND));
        assert_false(give_back(&b));
    }
}

/* It is answered at last. */
static void test_the_suspect_is_cleared(void **state)
{
    (void)state;
    struct blame b = suspicious();
    for (int i = 0; i < 10; i++) {
        assert_true(connection(&b, 1, 0, SECOND));
        assert_false(give_back(&b));
        assert_true(connection(&b, 1, 0, SECOND));
        assert_false(give_back(&b));
        blame_connected(&b, SECOND);
        blame_sent(&b, (struct blame_id){NULL, bad}, SECOND);
        assert_false(blame_settled(&b, true));
        assert_int_equal(b.alone, 0);
    }
}

/* The broker stands still, or is restarted between answers. */
static void test_none_is_to_blame(void **state)
{
    (void)state;
    struct blame b = suspicious();
    for (int i = 0; i < 20; i++) {
        assert_true(connection(&b, 1, 0, i % 3 == 2 ? 6 * SECOND : SECOND));
        assert_false(give_back(&b));
    }
    for (int i = 0; i < WINDOW; i++) {
        assert_int_equal(b.singly, WINDOW - i);
        connection(&b, 1, 1, SECOND);
    }
    assert_int_equal(b.singly, 0);
    for (int i = 0; i < 20; i++) {
        assert_false(connection(&b, 3, i % 2, 5 * SECOND));
        give_back(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_one_that_ends_it_is_found),
        cmocka_unit_test(test_it_is_found_among_others),
        cmocka_unit_test(test_another_one_each_time),
        cmocka_unit_test(test_the_suspect_is_cleared),
        cmocka_unit_test(test_none_is_to_blame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
