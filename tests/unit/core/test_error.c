#include "core_fixture.h"

#include "core/error.h"

#include <errno.h>

static void makes_a_sentence(void **state)
{
    struct error error;
    (void)state;
    errno = ERANGE;
    assert_false(error_set(&error, "%s is %d", "answer", 42));
    assert_string_equal(error.text, "answer is 42");
    assert_int_equal(errno, ERANGE);
}

static void may_hold_what_it_held(void **state)
{
    struct error error;
    (void)state;
    error_set(&error, "no such file");
    error_set(&error, "line %d: %s", 7, error.text);
    assert_string_equal(error.text, "line 7: no such file");
}

static void is_cut(void **state)
{
    struct error error;
    (void)state;
    assert_false(error_set(&error, "%5000s", "x"));
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

static void may_be_dropped(void **state)
{
    (void)state;
    assert_false(error_set(NULL, "%s", "text"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_sentence),
        cmocka_unit_test(may_hold_what_it_held),
        cmocka_unit_test(is_cut),
        cmocka_unit_test(may_be_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
