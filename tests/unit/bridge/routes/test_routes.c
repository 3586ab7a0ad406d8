#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/routes/routes.h"
#include "bridge/routes/trie.h"
#include "core/clock.h"

#include <stdio.h>
#include <string.h>

/* Routes from a NULL-terminated list. */
static struct routes *open_routes(const char *const *texts, struct error *error)
{
    struct text_list list = {0};
    for (; *texts; texts++)
        text_list_append(&list, *texts);
    struct routes *routes = routes_open(&list, "property", error);
    text_list_free(&list);
    return routes;
}

#define ROUTES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_the_first_that_matches(void **state)
{
    struct routes *routes = open_routes(ROUTES("kitchen/temp=a", "kitchen/+=b", "+/temp=c", "d=d"), NULL);
    static const struct {
        const char *topic;
        size_t route;
    } cases[] = {{"kitchen/temp", 0}, {"kitchen/light", 1}, {"cellar/temp", 2}, {"d", 3}, {"e", TRIE_NONE}};
    (void)state;
    assert_non_null(routes);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(routes_match(routes, (struct spool_bytes){cases[i].topic, strlen(cases[i].topic)}),
                         cases[i].route);
    assert_int_equal(routes_fixed_topics(routes), 4);
    routes_close(routes);
}

static void test_a_route_that_gets_nothing(void **state)
{
    struct error error;
    (void)state;
    assert_null(open_routes(ROUTES("a/#=all", "a/b=b"), &error));
    assert_non_null(strstr(error.text, "'a/b=b' never gets a message: 'a/#=all'"));
    assert_null(open_routes(ROUTES("a/{x}=x", "a/+=y"), &error));
    assert_null(open_routes(ROUTES("a=x", "wrong"), &error));
}

/* What is subscribed to: each filter, with its elders in brackets. */
static void expect_filters(const char *const *texts, const char *expected)
{
    struct routes *routes = open_routes(texts, NULL);
    struct route_filters filters;
    char made[500] = "";
    assert_non_null(routes);
    assert_true(route_filters_make(routes, &filters, NULL));
    for (size_t i = 0; i < filters.count; i++) {
        strcat(strcat(made, i ? " " : ""), filters.items[i].filter);
        for (size_t k = 0; k < filters.items[i].elder_count; k++)
            strcat(strcat(strcat(made, "["), filters.items[i].elders[k]), "]");
        strcat(made, filters.items[i].overlaps ? "!" : "");
    }
    assert_string_equal(made, expected);
    route_filters_free(&filters);
    routes_close(routes);
}

static void test_filters(void **state)
{
    (void)state;
    expect_filters(ROUTES("b=x", "a=y"), "a b");
    expect_filters(ROUTES("a/b=x", "a/+=y", "a/#=z"), "a/#");
    expect_filters(ROUTES("a/b/+=x", "a/+/c=y"), "a/b/+! a/+/c[a/b/+]!");
    expect_filters(ROUTES("a/b/c=w", "a/b/+=x", "a/+/c=y", "d=z"), "a/b/+! a/+/c[a/b/+]! d");
    expect_filters(ROUTES("+/temp=x", "kitchen/+=y", "kitchen/#=z"), "kitchen/#! +/temp[kitchen/#]!");
    expect_filters(ROUTES("#=x", "$SYS/#=y"), "$SYS/# #");
    expect_filters(ROUTES("+/+/c=w", "a/#=x", "+/b/#=y", "ab/+=z"),
                   "a/#! ab/+! +/b/#[a/#][ab/+]! +/+/c[+/b/#][a/#]!");
}

static void test_many(void **state)
{
    enum { MANY = 10000 };
    struct text_list list = {0};
    char text[80];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "site/%d/line/%d/{sensor}=plant.%d.{sensor}", i / 100, i, i / 100);
        text_list_append(&list, text);
    }
    int64_t begin = clock_monotonic();
    struct routes *routes = routes_open(&list, "property", NULL);
    struct route_filters filters;
    assert_non_null(routes);
    assert_true(route_filters_make(routes, &filters, NULL));
    int64_t parsed = clock_monotonic();
    assert_int_equal(filters.count, MANY);
    for (int i = 0; i < MANY; i++) {
        int length = snprintf(text, sizeof text, "site/%d/line/%d/temp", i / 100, i);
        assert_int_equal(routes_match(routes, (struct spool_bytes){text, (size_t)length}), i);
    }
    int64_t matched = clock_monotonic();
    print_message("%d routes parsed in %.3f s, a match takes %.0f ns\n", MANY,
                  (double)(parsed - begin) / SECOND, (double)(matched - parsed) / MANY);
    assert_true(parsed - begin < SECOND);
    assert_true(matched - parsed < MANY * 20 * MICROSECOND);
    route_filters_free(&filters);
    routes_close(routes);
    text_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_that_matches),
        cmocka_unit_test(test_a_route_that_gets_nothing),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
