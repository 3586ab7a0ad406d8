/* Topic filters: what is one, and what it matches (MQTT 5 sections 4.7 and 4.8.2). */
#include "core_fixture.h"

#include "mqtt/topic.h"

static void accepts_filters(void **state)
{
    static const char *const valid[] = {
        "a",
        "/",
        "//",
        "a/b c/d",
        "#",
        "+",
        "a/#",
        "+/#",
        "+/a/+",
        "/+",
        "$SYS/#",
        "$share",
        "$share/g/a",
        "$share/g/+/#",
        "$SHARE",
        "temp/°C",
        "\xf0\x9f\x8c\xa1",
        "$share/a b/#",
    };
    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        struct error error;
        if (!mqtt_filter_check(valid[i], &error))
            fail_msg("'%s': %s", valid[i], error.text);
    }
}

static void refuses_what_is_no_filter(void **state)
{
    static const struct {
        const char *filter, *reason;
    } wrong[] = {
        {"", "is empty"},
        {"a/#/b", "# must be the last level"},
        {"#/", "# must be the last level"},
        {"a#", "# must be a whole level"},
        {"a/b#/c", "# must be a whole level"},
        {"##", "# must be a whole level"},
        {"a+", "+ must be a whole level"},
        {"+a/b", "+ must be a whole level"},
        {"++", "+ must be a whole level"},
        {"\xff", "not valid UTF-8"},
        {"a\tb", "control characters"},
        {"\x7f", "control characters"},
        {"\xc2\x85", "control characters"},
        {"\xef\xb7\x90", "control characters"},
        {"\xf0\x9f\xbf\xbf", "control characters"},
        {"a/\xc3", "not valid UTF-8"},
        {"\xed\xa0\x80", "not valid UTF-8"},
        {"\xc0\x80", "not valid UTF-8"},
        {"$share/", "must have a name"},
        {"$share//a", "must have a name"},
        {"$share/+/a", "must have a name"},
        {"$share/g#/a", "must have a name"},
        {"$share/g", "filter is missing"},
        {"$share/g/", "filter is missing"},
        {"$share/g/a+", "+ must be a whole level"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error = {""};
        if (mqtt_filter_check(wrong[i].filter, &error))
            fail_msg("'%s' is accepted", wrong[i].filter);
        assert_contains(error.text, wrong[i].reason);
    }
}

static void knows_the_longest_filter(void **state)
{
    static char filter[65537];
    struct error error;
    (void)state;
    memset(filter, 'a', 65536);
    assert_false(mqtt_filter_check(filter, &error));
    assert_contains(error.text, "longer than 65535 bytes");
    filter[65535] = '\0';
    assert_true(mqtt_filter_check(filter, &error));
}

static void matches(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } cases[] = {
        {"a", "a", true},           {"a", "b", false},          {"a", "a/b", false},
        {"a/b", "a", false},        {"a", "ab", false},         {"ab", "a", false},
        {"A", "a", false},          {"a", "a/", false},         {"a/", "a/", true},
        {"#", "a/b/c", true},       {"#", "/", true},           {"a/#", "a", true},
        {"a/#", "a/", true},        {"a/#", "a/b/c", true},     {"a/#", "ab", false},
        {"a/#", "b/a", false},      {"+", "a", true},           {"+", "a/b", false},
        {"+", "/a", false},         {"+/+", "/a", true},        {"/+", "/a", true},
        {"a/+", "a", false},        {"a/+", "a/", true},        {"a/+/c", "a/b/c", true},
        {"a/+/c", "a/b/d", false},  {"a/+/c", "a//c", true},    {"+/b/#", "a/b", true},
        {"+/b/#", "a/c/b", false},  {"#", "$SYS/a", false},     {"+/a", "$SYS/a", false},
        {"$SYS/#", "$SYS/a", true}, {"$SYS/+", "$SYS/a", true}, {"a/$b", "a/$b", true},
        {"a/+", "a/$b", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (mqtt_filter_matches(cases[i].filter, cases[i].topic) != cases[i].matches)
            fail_msg("'%s' and '%s'", cases[i].filter, cases[i].topic);
}

static void filters_that_have_topics_in_common(void **state)
{
    static const struct {
        const char *one, *other;
        bool overlap;
    } cases[] = {
        {"a/+", "a/b", true},       {"a/+", "+/b", true},       {"a/+", "b/+", false},
        {"a/+", "a/b/c", false},    {"#", "a/+/c", true},       {"a/#", "a", true},
        {"a/#", "+", true},         {"a/#", "+/+/c", true},     {"a/#", "b/#", false},
        {"a/b/#", "a", false},      {"a/b", "a", false},        {"+/b/#", "a/+", true},
        {"+/b/#", "a/c/#", false},  {"#", "$SYS/#", false},     {"+/a", "$SYS/+", false},
        {"$SYS/+", "$SYS/a", true}, {"a/+/c/#", "a/b/+", true}, {"a/+/c/#", "a/b/+/d", true},
        {"a/", "a/+", true},        {"/", "+/+", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (mqtt_filters_overlap(cases[i].one, cases[i].other) != cases[i].overlap ||
            mqtt_filters_overlap(cases[i].other, cases[i].one) != cases[i].overlap)
            fail_msg("'%s' and '%s'", cases[i].one, cases[i].other);
    assert_string_equal(mqtt_filter_unshared("$share/g/a/#"), "a/#");
    assert_string_equal(mqtt_filter_unshared("$share/g//a"), "/a");
    assert_string_equal(mqtt_filter_unshared("a/b"), "a/b");
}

static void tells_shared_subscriptions(void **state)
{
    (void)state;
    assert_true(mqtt_filter_is_shared("$share/g/a"));
    assert_false(mqtt_filter_is_shared("$shared/g/a"));
    assert_false(mqtt_filter_is_shared("$share"));
    assert_false(mqtt_filter_is_shared("a/$share/g/a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_filters),
        cmocka_unit_test(refuses_what_is_no_filter),
        cmocka_unit_test(knows_the_longest_filter),
        cmocka_unit_test(matches),
        cmocka_unit_test(filters_that_have_topics_in_common),
        cmocka_unit_test(tells_shared_subscriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
