#include "core_fixture.h"

#include "dashboard/page.h"

static size_t count(const char *page, const char *text)
{
    size_t found = 0;
    for (; (page = strstr(page, text)); page++)
        found++;
    return found;
}

/* The page with a NUL behind it. */
static char *make(const struct text_list *topics, size_t people, const char *note)
{
    size_t length;
    char *page = page_make(topics, people, note, &length);
    assert_non_null(page);
    assert_int_equal(strlen(page), length);
    return page;
}

static void has_a_place_for_each_topic(void **state)
{
    struct text_list topics = {0};
    (void)state;
    text_list_append(&topics, "temp");
    text_list_append(&topics, "light");
    text_list_append(&topics, "occupancy");
    char *page = make(&topics, 2, NULL);
    assert_int_equal(count(page, "class=\"plot\""), 3);
    assert_int_equal(count(page, "<th scope=\"row\">"), 3);
    assert_int_equal(count(page, "chart people"), 1);
    assert_true(strstr(page, ">occupancy <") < strstr(page, ">temp <"));
    assert_null(strstr(page, "class=\"note\">A"));
    assert_null(strstr(page, "<!--"));
    free(page);
    text_list_free(&topics);
}

static void what_is_given_is_text(void **state)
{
    struct text_list topics = {0};
    (void)state;
    text_list_append(&topics, "<i>\"&");
    char *page = make(&topics, 1, "<script>\"&");
    assert_non_null(strstr(page, "<p class=\"note\">&lt;script>&quot;&amp;</p>"));
    assert_int_equal(count(page, "&lt;i>&quot;&amp;"), 3);
    assert_int_equal(count(page, "<script>"), 0);
    assert_int_equal(count(page, "people\""), 0);
    free(page);
    text_list_free(&topics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_place_for_each_topic),
        cmocka_unit_test(what_is_given_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
