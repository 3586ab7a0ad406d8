#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "downlink/template.h"

#include <stdlib.h>
#include <string.h>

static const struct header headers[] = {
    {"room", 4, "kitchen", 7}, {"room", 4, "hall", 4}, {"none", 4, NULL, 0}};

static struct record record_of(const char *key, const char *value)
{
    return (struct record){
        .topic = "t",
        .partition = 3,
        .key = {key, key ? strlen(key) : 0},
        .value = {value, strlen(value)},
        .headers = headers,
        .header_count = sizeof headers / sizeof *headers,
    };
}

/* The topic, or the reason of the error. */
static const char *fill(const char *text, const char *key, const char *value)
{
    static struct text_buffer topic;
    static struct error error;
    struct template template;
    const struct record record = record_of(key, value);
    assert_true(template_parse(text, &template, &error));
    bool filled = template_fill(&template, &record, &topic, &error);
    template_free(&template);
    return filled ? topic.data : error.text;
}

static void test_fill(void **state)
{
    (void)state;
    assert_string_equal(fill("room/{key}/set", "7", ""), "room/7/set");
    assert_string_equal(fill("{topic}/{partition}", NULL, ""), "t/3");
    assert_string_equal(fill("{header:room}", NULL, ""), "kitchen");
    assert_string_equal(fill("/a/{{{key}}}", "k", ""), "/a/{k}");
    assert_string_equal(fill("{key}", "a/b", ""), "a/b");
    assert_string_equal(
        fill("{json:/device/id}/{json:/list/1}", NULL, "{\"device\":{\"id\":-5},\"list\":[0,true]}"),
        "-5/true");
    assert_string_equal(fill("{json:/a~1b}", NULL, "{\"a/b\":\"\xc3\xbc\"}"), "\xc3\xbc");
    assert_string_equal(fill("{json:}", NULL, "\"whole\""), "whole");
}

static void test_what_has_no_topic(void **state)
{
    static char longer[65537];
    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    const struct {
        const char *text, *key, *value, *reason;
    } wrong[] = {
        {"{key}", NULL, "", "has no {key}"},
        {"{header:other}", "k", "", "has no {header:other}"},
        {"{header:none}", "k", "", "has no {header:none}"},
        {"{key}", "", "", "is empty"},
        {"a/{key}", "/b", "", "empty level"},
        {"a/{key}", "b/", "", "empty level"},
        {"a/{key}", "b//c", "", "empty level"},
        {"a/{key}", "b+", "", "wildcards"},
        {"a/{key}", "#", "", "wildcards"},
        {"{key}", "$SYS/x", "", "begins with $"},
        {"{key}", "\xff", "", "UTF-8"},
        {"{key}", longer, "", "longer than 65535"},
        {"{json:/a}", NULL, "no json", "not JSON"},
        {"{json:/a}", NULL, "{\"b\":1}", "not there"},
        {"{json:/a}", NULL, "{\"a\":1.5}", "neither a text"},
        {"{json:/a/b}", NULL, "{\"a\":1}", "not there"},
        {"{json:/a}", NULL, "{\"a\":\"x\\u0000y\"}", "NUL"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_non_null(strstr(fill(wrong[i].text, wrong[i].key, wrong[i].value), wrong[i].reason));
}

static void test_wrong_templates(void **state)
{
    static const char *const wrong[] = {"{keys}", "{key", "key}", "{}",    "{header:}", "{json:a}",
                                        "a/+",    "#",    "a{",   "\xff/", "{json:/~}"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct template template;
        struct error error;
        assert_false(template_parse(wrong[i], &template, &error));
        template_free(&template);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_what_has_no_topic),
        cmocka_unit_test(test_wrong_templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
