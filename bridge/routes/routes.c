#include "routes.h"

#include "core/out_of_memory.h"
#include "trie.h"

#include <stdlib.h>
#include <string.h>

struct routes {
    struct route *items;
    size_t count;
    struct trie *trie;
};

/* Its filter joins the others. */
static bool add_route(struct routes *routes, struct route *route, const char *key, struct error *error)
{
    struct error reason;
    size_t number = routes->count++; /* routes_close frees it in any case */
    if (!route->has_key && !key_rule_parse(key, &route->names, &route->key, &reason))
        return error_set(
            error,
            "--kafka-key '%s', for the route '%.200s': %s. Give this route a key of its own, FILTER=TOPIC,KEY",
            key, route->text, reason.text);
    size_t before = trie_cover(routes->trie, route->filter, TRIE_NONE);
    if (before != TRIE_NONE)
        return error_set(
            error,
            "the route '%.200s' never gets a message: '%.200s' before it takes all of them. Put that one "
            "behind it, or leave one out",
            route->text, routes->items[before].text);
    trie_add(routes->trie, route->filter, number);
    return true;
}

struct routes *routes_open(const struct text_list *texts, const char *key, struct error *error)
{
    if (texts->count > ROUTES_MAX) {
        error_set(error, "%zu routes are too many: at most %d", texts->count, ROUTES_MAX);
        return NULL;
    }
    struct routes *routes = calloc(1, sizeof *routes);
    struct route *items = calloc(texts->count + 1, sizeof *items);
    if (!routes || !items)
        out_of_memory(texts->count * sizeof *items);
    routes->items = items;
    routes->trie = trie_open();
    for (size_t i = 0; i < texts->count; i++) {
        bool parsed = route_parse(texts->items[i], &items[i], error);
        if (parsed && add_route(routes, &items[i], key, error))
            continue;
        routes->count = i + 1;
        routes_close(routes);
        return NULL;
    }
    return routes;
}

void routes_close(struct routes *routes)
{
    if (!routes)
        return;
    trie_close(routes->trie);
    for (size_t i = 0; i < routes->count; i++)
        route_free(&routes->items[i]);
    free(routes->items);
    free(routes);
}

size_t routes_count(const struct routes *routes)
{
    return routes->count;
}

const struct route *routes_at(const struct routes *routes, size_t number)
{
    return &routes->items[number];
}

size_t routes_match(const struct routes *routes, struct spool_bytes topic)
{
    return trie_match(routes->trie, topic.data, topic.length);
}

static bool is_fixed(const struct route *route)
{
    return route->topic.count == 1;
}

size_t routes_fixed_topics(const struct routes *routes)
{
    const char **names = calloc(routes->count + 1, sizeof *names);
    size_t fixed = 0, different = 0;
    if (!names)
        out_of_memory(routes->count * sizeof *names);
    for (size_t i = 0; i < routes->count; i++)
        if (is_fixed(&routes->items[i]))
            names[fixed++] = routes->items[i].topic.text;
    qsort(names, fixed, sizeof *names, text_compare);
    for (size_t i = 0; i < fixed; i++)
        different += i == 0 || strcmp(names[i], names[i - 1]) != 0;
    free(names);
    return different;
}

bool routes_name_topic(const struct routes *routes, const char *topic)
{
    for (size_t i = 0; i < routes->count; i++)
        if (is_fixed(&routes->items[i]) && strcmp(routes->items[i].topic.text, topic) == 0)
            return true;
    return false;
}

/* ---- what is subscribed to ---- */

enum { OVERLAPS_MAX = 100000 }; /* pairs of filters */

struct search {
    struct route_filters *filters;
    size_t number; /* of the filter whose overlaps are looked for */
    size_t pairs;
};

/* A name before + before #. */
static int rank(const char *level, size_t length)
{
    return length != 1 ? 0 : *level == '#' ? 2 : *level == '+';
}

static int compare_levels(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int difference = rank(a, a_length) - rank(b, b_length);
    if (!difference)
        difference = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return difference ? difference : (a_length > b_length) - (a_length < b_length);
}

/* In the order in which Mosquitto finds the filters that match a topic. */
static int compare_filters(const void *one, const void *other)
{
    const char *a = ((const struct route_filter *)one)->filter;
    const char *b = ((const struct route_filter *)other)->filter;
    for (;; a++, b++) {
        size_t a_length = strcspn(a, "/"), b_length = strcspn(b, "/");
        int difference = compare_levels(a, a_length, b, b_length);
        a += a_length;
        b += b_length;
        if (difference || !*a || !*b)
            return difference ? difference : (*a != '\0') - (*b != '\0');
    }
}

/* Takes note of an elder. */
static bool found(void *context, size_t number)
{
    struct search *search = context;
    struct route_filter *filter = &search->filters->items[search->number];
    if (number >= search->number)
        return true;
    size_t size = (filter->elder_count + 1) * sizeof *filter->elders;
    filter->elders = realloc(filter->elders, size);
    if (!filter->elders)
        out_of_memory(size);
    filter->elders[filter->elder_count++] = search->filters->items[number].filter;
    search->filters->items[number].overlaps = filter->overlaps = search->filters->overlap = true;
    return ++search->pairs <= OVERLAPS_MAX;
}

bool route_filters_make(const struct routes *routes, struct route_filters *filters, struct error *error)
{
    struct search search = {.filters = filters};
    *filters = (struct route_filters){.items = calloc(routes->count + 1, sizeof *filters->items)};
    if (!filters->items)
        out_of_memory(routes->count * sizeof *filters->items);
    for (size_t i = 0; i < routes->count; i++)
        if (trie_cover(routes->trie, routes->items[i].filter, i) == TRIE_NONE)
            filters->items[filters->count++].filter = routes->items[i].filter;
    qsort(filters->items, filters->count, sizeof *filters->items, compare_filters);
    struct trie *trie = trie_open();
    for (size_t i = 0; i < filters->count; i++)
        trie_add(trie, filters->items[i].filter, i);
    bool few = true;
    for (; few && search.number < filters->count; search.number++) {
        struct route_filter *filter = &filters->items[search.number];
        few = trie_overlaps(trie, filter->filter, found, &search);
        if (filter->elder_count > 1) /* an order that does not change from start to start */
            qsort(filter->elders, filter->elder_count, sizeof *filter->elders, text_compare);
    }
    trie_close(trie);
    return few ||
           error_set(error,
                     "the filters of the routes overlap in more than %d pairs: let one wide filter take the "
                     "place of many, or leave out wildcards",
                     OVERLAPS_MAX);
}

void route_filters_free(struct route_filters *filters)
{
    for (size_t i = 0; i < filters->count; i++)
        free(filters->items[i].elders);
    free(filters->items);
    *filters = (struct route_filters){0};
}
