#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/text_buffer.h"

#include <string.h>

static void test_grows_and_is_used_again(void **state)
{
    struct text_buffer buffer = {0};
    (void)state;
    text_buffer_set(&buffer, NULL, 0);
    assert_string_equal(buffer.data, "");
    for (size_t i = 0; i < 1000; i++)
        text_buffer_append(&buffer, "ab", 2);
    assert_int_equal(buffer.length, 2000);
    assert_int_equal(strlen(buffer.data), 2000);
    assert_memory_equal(buffer.data + 1998, "ab", 2);
    size_t room = buffer.room;
    text_buffer_set(&buffer, "c\0d", 3);
    assert_int_equal(buffer.length, 3);
    assert_memory_equal(buffer.data, "c\0d", 4);
    assert_int_equal(buffer.room, room);
    text_buffer_free(&buffer);
    assert_null(buffer.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grows_and_is_used_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
