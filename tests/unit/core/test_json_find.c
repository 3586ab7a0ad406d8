#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/json_find.h"

#include <stdlib.h>
#include <string.h>

/* What the pointer finds in the text; NULL: nothing. */
static void expect(const char *at, const char *text, const char *value)
{
    struct pointer pointer;
    struct text_buffer found = {0};
    assert_true(pointer_parse(at, &pointer, NULL));
    assert_int_equal(json_find(&pointer, text, strlen(text), &found), value != NULL);
    if (value) {
        assert_int_equal(found.length, strlen(value));
        assert_memory_equal(found.data, value, found.length);
    }
    text_buffer_free(&found);
    pointer_free(&pointer);
}

static void test_found(void **state)
{
    (void)state;
    expect("/device/id", "{\"a\":{\"id\":\"x\"},\"device\":{\"id\":\"d7\"}}", "d7");
    expect("/device/id", "{\"device\":{\"id\":12345678901234567890.10}}", "12345678901234567890.10");
    expect("/list/1", "{\"list\":[\"a\",\"b\"]}", "b");
    expect("", "\"whole\"", "whole");
    expect("", "17", "17");
    expect("/a", "{\"a\":\"\"}", "");
    expect("/a", "{\"a\":\"\\u00e9\\n\"}", "\xc3\xa9\n");
    expect("/a", "{\"a\":\"first\",\"a\":\"second\"}", "first");
    expect("/a", "{\"a\":\"what follows is not read\",,,", "what follows is not read");
}

static void test_not_found(void **state)
{
    (void)state;
    expect("/device/id", "{\"device\":\"id\"}", NULL);
    expect("/a", "{\"a\":null}", NULL);
    expect("/a", "{\"a\":true}", NULL);
    expect("/a", "{\"a\":{\"a\":\"x\"}}", NULL);
    expect("/a", "{\"a\":[1]}", NULL);
    expect("/a", "", NULL);
    expect("/a", "21.5", NULL);
    expect("/a", "{,\"a\":\"x\"}", NULL);
    expect("/a", "{\"a\":\"never ends", NULL);
    expect("/a", "{\"a\":\"\xff\"}", NULL);
}

/* Neither the stack nor memory grows with what comes. */
static void test_deep(void **state)
{
    enum { DEPTH = 1000000 };
    struct pointer pointer;
    struct text_buffer found = {0};
    char *text = malloc(DEPTH);
    (void)state;
    assert_non_null(text);
    memset(text, '[', DEPTH);
    assert_true(pointer_parse("/0/a", &pointer, NULL));
    assert_false(json_find(&pointer, text, DEPTH, &found));
    pointer_free(&pointer);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
