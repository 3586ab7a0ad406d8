#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/json_pointer.h"

#include <string.h>

/* The examples of RFC 6901 section 5, and wrong pointers. */
static void test_parse(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        const char *first;
    } right[] = {{"", 0, NULL},       {"/", 1, ""},      {"/foo/0", 2, "foo"}, {"/a~1b", 1, "a/b"},
                 {"/m~0n", 1, "m~n"}, {"/~01", 1, "~1"}, {"/ ", 1, " "}};
    static const char *const wrong[] = {"foo", "/a~", "/a~2b", "#/foo"};
    struct pointer pointer;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(pointer_parse(right[i].text, &pointer, &error));
        assert_int_equal(pointer.count, right[i].count);
        if (right[i].first)
            assert_true(pointer_names(&pointer, 0, right[i].first, strlen(right[i].first)));
        pointer_free(&pointer);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(pointer_parse(wrong[i], &pointer, &error));
        pointer_free(&pointer);
    }
}

static void test_names_and_counts(void **state)
{
    struct pointer pointer;
    struct error error;
    (void)state;
    assert_true(pointer_parse("/12/ab", &pointer, &error));
    assert_true(pointer_counts(&pointer, 0, 12));
    assert_false(pointer_counts(&pointer, 0, 1));
    assert_true(pointer_names(&pointer, 1, "ab", 2));
    assert_false(pointer_names(&pointer, 1, "a", 1));
    assert_false(pointer_names(&pointer, 1, "abc", 3));
    assert_false(pointer_names(&pointer, 1, "ab\0", 3));
    pointer_free(&pointer);
}

static void test_too_many_steps(void **state)
{
    char text[2 * POINTER_TOKENS + 3] = "";
    struct pointer pointer;
    struct error error;
    (void)state;
    for (int i = 0; i < POINTER_TOKENS; i++)
        strcat(text, "/a");
    assert_true(pointer_parse(text, &pointer, &error));
    pointer_free(&pointer);
    strcat(text, "/a");
    assert_false(pointer_parse(text, &pointer, &error));
    pointer_free(&pointer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_names_and_counts),
        cmocka_unit_test(test_too_many_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
