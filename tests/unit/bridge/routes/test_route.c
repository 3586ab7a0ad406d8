#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/routes/route.h"

#include <stdio.h>
#include <string.h>

static struct spool_bytes bytes(const char *text)
{
    return (struct spool_bytes){text, strlen(text)};
}

/* The Kafka topic of a message of `topic` by the route; NULL: it has none. */
static void expect_name(const char *text, const char *topic, const char *expected)
{
    struct route route;
    struct error error;
    char name[KAFKA_NAME_LONGEST + 1];
    assert_true(route_parse(text, &route, &error));
    bool named = route_name(&route, bytes(topic), name, &error);
    assert_int_equal(named, expected != NULL);
    if (expected)
        assert_string_equal(name, expected);
    route_free(&route);
}

static void test_names(void **state)
{
    (void)state;
    expect_name("building/{room}/{sensor}=sensors.{sensor}", "building/a/temp", "sensors.temp");
    expect_name("{a}/{b}={b}-{a}", "x/y", "y-x");
    expect_name("+/{b}={b}", "x/y", "y");
    expect_name("a/#=all.{rest}", "a/b/c", "all.b.c");
    expect_name("a/#=all.{rest}", "a", "all.");
    expect_name("a/#=all.{rest}", "a/", "all.");
    expect_name("a/#=all", "a/b/c", "all");
    expect_name("{a}/#={a}.{rest}", "x/y/z", "x.y.z");
    expect_name("a/{x}={x}", "a/", NULL);
    expect_name("a/{x}={x}", "a/..", NULL);
    expect_name("a/{x}={x}", "a/__consumer_offsets", NULL);
    expect_name("a/{x}=__own.{x}", "a/b", NULL);
    expect_name("a/{x}={x}", "a/B\xc3\xbcro 1", "B_xC3_xBCro_x201");
    expect_name("a=b=c", "a=b", "c");
}

/* Different values have different names: what the rule for each byte is for. */
static void test_names_differ(void **state)
{
    (void)state;
    expect_name("{a}/{b}={a}.{b}", "x.y/z", "x_x2Ey.z");
    expect_name("{a}/{b}={a}.{b}", "x/y.z", "x.y.z");
    expect_name("{a}/{b}={a}-{b}", "x-y/z", "x_x2Dy-z");
    expect_name("{a}={a}", "_x2E", "_x5Fx2E");
    expect_name("{a}={a}", "_x2", "_x2");
    expect_name("{a}={a}", "_xGG", "_xGG");
    expect_name("a/#={rest}", "a/b.c", "b_x2Ec");
    expect_name("a/#={rest}", "a/b/c", "b.c");
    expect_name("{a}/#={rest}.{a}", "x/b/c", "b_x2Fc.x");
}

static void test_long_names(void **state)
{
    char topic[400] = "", expected[sizeof topic + 2] = "";
    (void)state;
    memset(topic, 'x', 247);
    snprintf(expected, sizeof expected, "s.%s", topic);
    expect_name("{a}=s.{a}", topic, expected);
    strcat(topic, "x");
    expect_name("{a}=s.{a}", topic, NULL);
    memset(topic, ' ', 63);
    topic[63] = '\0';
    expect_name("{a}={a}", topic, NULL); /* 252 characters */
}

static void expect_wrong(const char *text, const char *because)
{
    struct route route;
    struct error error;
    bool parsed = route_parse(text, &route, &error);
    route_free(&route);
    if (parsed || !strstr(error.text, because))
        fail_msg("%s: %s", text, parsed ? "is a route" : error.text);
}

static void test_wrong(void **state)
{
    char deep[400];
    (void)state;
    expect_wrong("", "FILTER=TOPIC");
    expect_wrong("a", "FILTER=TOPIC");
    expect_wrong("=a", "FILTER=TOPIC");
    expect_wrong("a=", "FILTER=TOPIC");
    expect_wrong("a=,k", "cannot be the name");
    expect_wrong("a=b c", "' ' cannot stand");
    expect_wrong("a=..", "cannot be the name");
    expect_wrong("a/#/b=x", "# must be the last");
    expect_wrong("a/b#=x", "# must be a whole level");
    expect_wrong("a/{b=x", "whole level");
    expect_wrong("a/{b}c=x", "whole level");
    expect_wrong("a/{}=x", "no name");
    expect_wrong("a/{b c}=x", "no name");
    expect_wrong("a/{b}/{b}=x", "two levels are called {b}");
    expect_wrong("a/{rest}/#=x", "two levels are called {rest}");
    expect_wrong("a/{b}={c}", "there is no {c}");
    expect_wrong("a/{b}={b", "counterpart");
    expect_wrong("a/{b}=}{b}", "counterpart");
    expect_wrong("{a}/{b}={a}{b}", "'.' or '-'");
    expect_wrong("{a}/{b}={a}_{b}", "'.' or '-'");
    expect_wrong("a=b,c", "{NAME}");
    expect_wrong("a=b,json:c", "JSON pointer");
    expect_wrong("$share/g/a=b", "--share");
    expect_wrong("a\tb=c", "tab");
    memset(deep, '/', 150);
    strcpy(deep + 150, "=x");
    expect_wrong(deep, "levels");
}

static void expect_key(const char *text, const char *topic, const char *payload, const char *expected)
{
    struct route route;
    struct text_buffer buffer = {0};
    assert_true(route_parse(text, &route, NULL));
    struct spool_bytes key = key_rule_apply(&route.key, &route, bytes(topic), bytes(payload), &buffer);
    assert_int_equal(key.length, strlen(expected));
    assert_memory_equal(key.data, expected, key.length);
    text_buffer_free(&buffer);
    route_free(&route);
}

static void test_keys(void **state)
{
    (void)state;
    expect_key("{a}/{b}=x,{b}", "1/2", "", "2");
    expect_key("{a}/{b}=x,{a}/{b}!", "1/\xc3\xbc", "", "1/\xc3\xbc!");
    expect_key("a/#=x,{rest}", "a/b/c", "", "b/c");
    expect_key("a/#=x,{rest}", "a", "", "");
    expect_key("a=x,json:/id", "a", "{\"id\":7}", "7");
    expect_key("a=x,json:/id", "a", "{\"id\":null}", "a");
    expect_key("a=x,json:/id", "a", "no JSON", "a");
    expect_key("a=x,topic", "a", "", "a");
    expect_key("a=x,none", "a", "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_names_differ), cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_wrong), cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
