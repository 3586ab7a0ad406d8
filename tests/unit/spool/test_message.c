/* A message's headers in one piece of bytes. */
#include "spool/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct header headers[] = {
    {"key", 3, "7", 1}, {"", 0, NULL, 0}, {"key", 3, "a\0b", 3}, {"empty", 5, "", 0}};
enum { COUNT = sizeof headers / sizeof *headers };

static void fill(struct header_list *list)
{
    list->length = 0;
    for (size_t i = 0; i < COUNT; i++)
        header_list_add(list, &headers[i]);
}

static void test_headers_come_back_in_order(void **state)
{
    struct header_list list = {0};
    struct header header;
    (void)state;
    for (int turn = 0; turn < 2; turn++) { /* the list is used again */
        fill(&list);
        struct spool_bytes rest = {list.data, list.length};
        for (size_t i = 0; i < COUNT; i++) {
            assert_true(header_next(&rest, &header));
            assert_int_equal(header.name_length, headers[i].name_length);
            assert_memory_equal(header.name, headers[i].name, headers[i].name_length);
            assert_int_equal(header.value_length, headers[i].value_length);
            if (headers[i].value_length > 0)
                assert_memory_equal(header.value, headers[i].value, headers[i].value_length);
        }
        assert_false(header_next(&rest, &header));
    }
    free(list.data);
}

static void test_none(void **state)
{
    struct spool_bytes rest = {NULL, 0};
    struct header header;
    (void)state;
    assert_false(header_next(&rest, &header));
}

/* The spool's checksums find damage, but a length is never trusted. */
static void test_cut_bytes_end_the_list(void **state)
{
    struct header_list list = {0};
    struct header header;
    (void)state;
    header_list_add(&list, &(struct header){"name", 4, "value", 5});
    for (size_t length = 0; length < list.length; length++) {
        unsigned char *copy = malloc(length + 1); /* so that a sanitizer sees reading beyond */
        assert_non_null(copy);
        memcpy(copy, list.data, length);
        struct spool_bytes rest = {copy, length};
        assert_false(header_next(&rest, &header));
        free(copy);
    }
    free(list.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_come_back_in_order),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_cut_bytes_end_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
