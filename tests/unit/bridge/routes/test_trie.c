#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/routes/trie.h"
#include "core/clock.h"
#include "mqtt/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Filters of up to three levels, of a, b, $, + and # at the end, and topics: small enough to try all. */
enum { LONGEST = 12 };

static char filters[200][LONGEST], topics[60][LONGEST];
static size_t filter_count, topic_count;

static void add(char list[][LONGEST], size_t *count, const char *text, const char *levels, int depth)
{
    char longer[LONGEST];
    for (const char *level = levels; *level; level++) {
        snprintf(longer, sizeof longer, "%.5s%s%c", text, *text ? "/" : "", *level);
        memcpy(list[(*count)++], longer, LONGEST);
        if (depth > 1 && *level != '#')
            add(list, count, longer, levels, depth - 1);
    }
}

static int make_all(void **state)
{
    (void)state;
    add(filters, &filter_count, "", "ab$+#", 3);
    add(topics, &topic_count, "", "ab$", 3);
    return 0;
}

static bool note(void *context, size_t number)
{
    ((bool *)context)[number] = true;
    return true;
}

/* The trie says what mqtt_filter_matches says of each filter alone. */
static void test_matches(void **state)
{
    struct trie *trie = trie_open();
    (void)state;
    for (size_t i = 0; i < filter_count; i++)
        trie_add(trie, filters[i], i);
    for (size_t t = 0; t < topic_count; t++) {
        size_t first = 0;
        while (first < filter_count && !mqtt_filter_matches(filters[first], topics[t]))
            first++;
        assert_int_equal(trie_match(trie, topics[t], strlen(topics[t])),
                         first == filter_count ? TRIE_NONE : first);
    }
    trie_close(trie);
}

/* Of two filters: whether they overlap is seen in the topics; a cover matches each of the other's topics. */
static void test_overlaps_and_covers(void **state)
{
    (void)state;
    for (size_t i = 0; i < filter_count; i++) {
        struct trie *trie = trie_open();
        trie_add(trie, filters[i], 0);
        for (size_t k = 0; k < filter_count; k++) {
            bool common = false, all = true, overlap = false;
            for (size_t t = 0; t < topic_count; t++) {
                bool left = mqtt_filter_matches(filters[i], topics[t]);
                bool right = mqtt_filter_matches(filters[k], topics[t]);
                common |= left && right;
                all &= left || !right;
            }
            trie_overlaps(trie, filters[k], note, &overlap);
            bool covers = trie_cover(trie, filters[k], TRIE_NONE) == 0;
            if (overlap != common || (covers && !all))
                fail_msg("%s and %s: overlap %d, common %d, covers %d, all %d", filters[i], filters[k],
                         overlap, common, covers, all);
        }
        assert_int_equal(trie_cover(trie, filters[i], TRIE_NONE), 0);
        assert_int_equal(trie_cover(trie, filters[i], 0), TRIE_NONE);
        trie_close(trie);
    }
}

static void test_covers_that_matter(void **state)
{
    static const struct {
        const char *wide, *narrow;
        bool covers;
    } cases[] = {
        {"#", "a", true},          {"#", "$SYS/a", false},   {"+/#", "a/b", true},   {"a/#", "a", true},
        {"a/#", "a/+/c", true},    {"a/+", "a/#", false},    {"a/+", "a/b", true},   {"a/b", "a/+", false},
        {"a/+/c", "a/b/+", false}, {"a/+/c", "a/b/c", true}, {"a//+", "a//b", true}, {"a/+", "a/", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trie *trie = trie_open();
        trie_add(trie, cases[i].wide, 0);
        assert_int_equal(trie_cover(trie, cases[i].narrow, TRIE_NONE), cases[i].covers ? 0 : TRIE_NONE);
        trie_close(trie);
    }
}

/* A topic from a careless broker may hold any bytes. */
static void test_odd_topics(void **state)
{
    struct trie *trie = trie_open();
    (void)state;
    trie_add(trie, "a/+", 0);
    trie_add(trie, "b", 1);
    assert_int_equal(trie_match(trie, "a/b\0c", 5), 0);
    assert_int_equal(trie_match(trie, "b\0", 2), TRIE_NONE);
    assert_int_equal(trie_match(trie, "a/+", 3), 0);
    assert_int_equal(trie_match(trie, "+/x", 3), TRIE_NONE);
    assert_int_equal(trie_match(trie, "", 0), TRIE_NONE);
    assert_int_equal(trie_match(trie, "////////", 8), TRIE_NONE);
    trie_close(trie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_overlaps_and_covers),
        cmocka_unit_test(test_covers_that_matter),
        cmocka_unit_test(test_odd_topics),
    };
    return cmocka_run_group_tests(tests, make_all, NULL);
}
