#include "print.h"

#include "core/exit_status.h"
#include "mqtt/topic.h"
#include "routes.h"
#include "trie.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_key(const struct route *route, struct spool_bytes topic)
{
    static const char *const before[] = {
        [KAFKA_KEY_PROPERTY] = "the user property 'key', else ",
        [KAFKA_KEY_TOPIC] = "",
        [KAFKA_KEY_NONE] = "none",
        [KAFKA_KEY_TEMPLATE] = "",
        [KAFKA_KEY_JSON] = "what the JSON pointer finds in the payload, else ",
    };
    struct text_buffer buffer = {0};
    const struct spool_bytes none = {NULL, 0}, key = key_rule_apply(&route->key, route, topic, none, &buffer);
    fputs(before[route->key.kind], stdout);
    if (route->key.kind != KAFKA_KEY_NONE) {
        putchar('\'');
        text_print_escaped(stdout, key.data, key.length);
        putchar('\'');
    }
    text_buffer_free(&buffer);
}

/* False where its messages go nowhere. */
static bool print_topic(const struct bridge_settings *settings, const char *text)
{
    const struct spool_bytes topic = {text, strlen(text)};
    char name[KAFKA_NAME_LONGEST + 1];
    struct error error;
    text_print_escaped(stdout, text, topic.length);
    if (!mqtt_topic_check(text, &error)) {
        printf(": nowhere: %s\n", error.text);
        return false;
    }
    size_t number = routes_match(settings->routes, topic);
    if (number == TRIE_NONE) {
        printf(": nowhere: no route matches\n");
        return false;
    }
    const struct route *route = routes_at(settings->routes, number);
    bool named = route_name(route, topic, name, &error);
    if (named) {
        printf(": to the Kafka topic '%s', key ", name);
        print_key(route, topic);
    } else {
        printf(": to the dead letters: %s", error.text);
    }
    printf(", by the route '%s'\n", route->text);
    return named;
}

int print_routes(const struct bridge_settings *settings)
{
    bool all = true;
    for (size_t i = 0; i < settings->topics.count; i++)
        all &= print_topic(settings, settings->topics.items[i]);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "cannot write to stdout: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    return all ? EXIT_DONE : EXIT_FAILED;
}
