/* Routes alone: how long ROUTES of them take to parse, and how long the search for one of a topic and its
 * name in Kafka. */
#include "bench.h"

#include "bridge/routes/routes.h"
#include "bridge/routes/trie.h"

#include <stdio.h>
#include <string.h>

static struct routes *parse(long count, struct route_filters *filters)
{
    struct text_list texts = {0};
    struct error error;
    char text[100];
    for (long i = 0; i < count; i++) {
        snprintf(text, sizeof text, "site/%ld/line/%ld/{sensor}=plant.%ld.{sensor}", i / 100, i, i / 100);
        text_list_append(&texts, text);
    }
    struct routes *routes = routes_open(&texts, "property", &error);
    if (!routes || !route_filters_make(routes, filters, &error))
        bench_fail("%s", error.text);
    text_list_free(&texts);
    return routes;
}

static void find(const struct routes *routes, long number)
{
    char topic[100], name[KAFKA_NAME_LONGEST + 1];
    struct error error;
    int length = snprintf(topic, sizeof topic, "site/%ld/line/%ld/temp", number / 100, number);
    const struct spool_bytes bytes = {topic, (size_t)length};
    size_t found = routes_match(routes, bytes);
    if (found != (size_t)number || !route_name(routes_at(routes, found), bytes, name, &error))
        bench_fail("the route of %s is not found", topic);
}

int main(int argc, char **argv)
{
    struct route_filters filters;
    bench_usage(argc, argv, 2, "ROUTES MESSAGES");
    long count = bench_number(argv[1]), messages = bench_number(argv[2]);
    int64_t begin = bench_now();
    struct routes *routes = parse(count, &filters);
    int64_t parsed = bench_now();
    for (long i = 0; i < messages; i++)
        find(routes, i * 7919 % count);
    int64_t found = bench_now();
    printf("{\"parsed\":%.6f,\"found_ns\":%.1f}\n", (double)(parsed - begin) / 1e9,
           (double)(found - parsed) / (double)messages);
    route_filters_free(&filters);
    routes_close(routes);
    return 0;
}
