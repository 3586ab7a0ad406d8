/* Any text as routes, a line each, and any text behind a NUL as a topic: the parser must neither crash nor
 * take what has no name in Kafka, and the tree must agree with the filters one by one. */
#include "kafka/topic.h"
#include "mqtt/topic.h"

#include "bridge/routes/routes.h"
#include "bridge/routes/trie.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* A name is one that Kafka takes, and the values can be read back from it: other values have another name. */
static void check_message(const struct routes *routes, const char *topic)
{
    const struct spool_bytes bytes = {topic, strlen(topic)};
    char name[KAFKA_NAME_LONGEST + 1];
    struct text_buffer buffer = {0};
    size_t first = 0, count = routes_count(routes), found = routes_match(routes, bytes);
    while (first < count && !mqtt_filter_matches(routes_at(routes, first)->filter, topic))
        first++;
    require(found == (first == count ? TRIE_NONE : first));
    if (found == TRIE_NONE)
        return;
    const struct route *route = routes_at(routes, found);
    if (route_name(route, bytes, name, NULL))
        require(kafka_topic_name_valid(name));
    key_rule_apply(&route->key, route, bytes, bytes, &buffer);
    text_buffer_free(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text_list texts = {0};
    struct route_filters filters;
    struct error error;
    char *text = malloc(size + 2);
    require(text != NULL);
    memcpy(text, data, size);
    text[size] = text[size + 1] = '\0';
    const char *topic = text + strlen(text) + (strlen(text) < size);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        text_list_append(&texts, line);
    struct routes *routes = routes_open(&texts, "property", &error);
    if (routes) {
        if (mqtt_topic_check(topic, NULL))
            check_message(routes, topic);
        route_filters_make(routes, &filters, &error);
        route_filters_free(&filters);
        routes_close(routes);
    }
    text_list_free(&texts);
    free(text);
    return 0;
}
