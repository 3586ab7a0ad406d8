#include "route.h"

#include "core/out_of_memory.h"
#include "mqtt/topic.h"

#include <stdlib.h>
#include <string.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static const char json[] = "json:", rest_name[] = "rest";

/* ---- the filter ---- */

static bool add_name(struct route *route, const char *name, size_t length, size_t level, struct error *error)
{
    char *text = strndup(name, length);
    if (!text)
        out_of_memory(length);
    bool ok =
        (route->names.count < ROUTE_NAMES || error_set(error, "more than %d names", ROUTE_NAMES)) &&
        ((length > 0 && strspn(text, NAME_CHARACTERS) == length) ||
         error_set(error, "{%s} is no name (letters, digits, '_', '-')", text)) &&
        (!text_list_contains(&route->names, text) || error_set(error, "two levels are called {%s}", text));
    if (ok) {
        route->levels[route->names.count] = level;
        text_list_append(&route->names, text);
    }
    free(text);
    return ok;
}

/* A level as MQTT has it is appended to the filter. */
static bool take_level(struct route *route, const char *level, size_t length, size_t number,
                       struct error *error)
{
    bool braces = memchr(level, '{', length) || memchr(level, '}', length);
    size_t inner = strcspn(level, "}");
    if (length == 1 && *level == '#') {
        route->rest = route->names.count;
        if (!add_name(route, rest_name, strlen(rest_name), number, error))
            return false;
    } else if (braces) {
        if (*level != '{' || inner != length - 1 || memchr(level + 1, '{', length - 1))
            return error_set(error, "a {name} must be a whole level, as in a/{name}/b");
        if (!add_name(route, level + 1, length - 2, number, error))
            return false;
        level = "+";
        length = 1;
    }
    if (number > 0)
        strcat(route->filter, "/");
    strncat(route->filter, level, length);
    return true;
}

static bool parse_filter(struct route *route, const char *text, struct error *error)
{
    route->filter = calloc(1, strlen(text) + 1);
    if (!route->filter)
        out_of_memory(strlen(text) + 1);
    route->rest = TEMPLATE_NO_NAME;
    for (size_t number = 0;; number++) {
        size_t length = strcspn(text, "/");
        if (number == ROUTE_LEVELS)
            return error_set(error, "its filter has more than %d levels", ROUTE_LEVELS);
        if (!take_level(route, text, length, number, error))
            return false;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    /* The list of subscriptions has a line for each. */
    if (strpbrk(route->filter, "\t\r\n"))
        return error_set(error, "its filter has a tab or a line break");
    if (mqtt_filter_is_shared(route->filter))
        return error_set(error, "$share stands in --share");
    return mqtt_filter_check(route->filter, error);
}

/* ---- the key ---- */

bool key_rule_parse(const char *text, const struct text_list *names, struct key_rule *rule,
                    struct error *error)
{
    static const char *const words[] = {
        [KAFKA_KEY_PROPERTY] = "property", [KAFKA_KEY_TOPIC] = "topic", [KAFKA_KEY_NONE] = "none"};
    *rule = (struct key_rule){.kind = KAFKA_KEY_TEMPLATE};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0) {
            rule->kind = (enum kafka_key)i;
            return true;
        }
    if (strncmp(text, json, strlen(json)) == 0) {
        rule->kind = KAFKA_KEY_JSON;
        return pointer_parse(text + strlen(json), &rule->pointer, error);
    }
    if (!strchr(text, '{'))
        return error_set(error,
                         "it must be property, topic, none, json:POINTER, or have a {NAME} of a route");
    return name_template_parse(text, names, &rule->template, error);
}

void key_rule_free(struct key_rule *rule)
{
    name_template_free(&rule->template);
    pointer_free(&rule->pointer);
}

/* ---- the route ---- */

/* text is cut at the = and the comma. */
static bool parse_parts(struct route *route, char *text, struct error *error)
{
    struct error reason;
    char *equals = strrchr(text, '='); /* a Kafka topic has none */
    if (!equals || equals == text || !equals[1])
        return error_set(error, "it must be FILTER=TOPIC or FILTER=TOPIC,KEY");
    *equals = '\0';
    char *topic = equals + 1, *comma = strchr(topic, ',');
    if (comma)
        *comma = '\0';
    if (!parse_filter(route, text, error))
        return false;
    if (!name_template_parse(topic, &route->names, &route->topic, &reason) ||
        !kafka_name_check(&route->topic, &reason))
        return error_set(error, "the Kafka topic '%s': %s", topic, reason.text);
    route->has_key = comma != NULL;
    return !comma || key_rule_parse(comma + 1, &route->names, &route->key, &reason) ||
           error_set(error, "the key '%s': %s", comma + 1, reason.text);
}

bool route_parse(const char *text, struct route *route, struct error *error)
{
    struct error reason;
    *route = (struct route){.text = text_copy(text)};
    char *parts = text_copy(text);
    bool ok = parse_parts(route, parts, &reason);
    free(parts);
    return ok || error_set(error, "the route '%.200s': %s", text, reason.text);
}

void route_free(struct route *route)
{
    free(route->text);
    free(route->filter);
    text_list_free(&route->names);
    name_template_free(&route->topic);
    key_rule_free(&route->key);
    *route = (struct route){0};
}

/* ---- a message ---- */

/* The values of the names: the topic has the levels, since the filter matches it. */
static void split(const struct route *route, struct spool_bytes topic, struct spool_bytes values[ROUTE_NAMES])
{
    const char *at = topic.data, *end = at + topic.length;
    size_t level = 0;
    for (size_t i = 0; i < route->names.count; i++) {
        for (; level < route->levels[i] && at <= end; level++) {
            const char *slash = memchr(at, '/', (size_t)(end - at));
            at = slash ? slash + 1 : end + 1; /* a/# matches a, whose rest is empty */
        }
        size_t left = at <= end ? (size_t)(end - at) : 0;
        const char *slash = i != route->rest && left > 0 ? memchr(at, '/', left) : NULL;
        values[i] = (struct spool_bytes){at <= end ? at : "", slash ? (size_t)(slash - at) : left};
    }
}

bool route_name(const struct route *route, struct spool_bytes topic, char name[static KAFKA_NAME_LONGEST + 1],
                struct error *error)
{
    struct spool_bytes values[ROUTE_NAMES];
    split(route, topic, values);
    return kafka_name_fill(&route->topic, values, route->rest, name, error);
}

struct spool_bytes key_rule_apply(const struct key_rule *rule, const struct route *route,
                                  struct spool_bytes topic, struct spool_bytes payload,
                                  struct text_buffer *buffer)
{
    struct spool_bytes values[ROUTE_NAMES];
    switch (rule->kind) {
    case KAFKA_KEY_NONE:
        return (struct spool_bytes){"", 0};
    case KAFKA_KEY_JSON:
        if (json_find(&rule->pointer, payload.data, payload.length, buffer))
            return (struct spool_bytes){buffer->data, buffer->length};
        return topic;
    case KAFKA_KEY_TEMPLATE:
        split(route, topic, values);
        name_template_fill(&rule->template, values, buffer);
        return (struct spool_bytes){buffer->data, buffer->length};
    case KAFKA_KEY_PROPERTY:
    case KAFKA_KEY_TOPIC:
        break;
    }
    return topic;
}
