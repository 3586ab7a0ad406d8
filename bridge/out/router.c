#include "router.h"

#include "bridge/routes/trie.h"

#include <string.h>

/* What the JSON pointer does not find is no reason to give a message up: with its topic as the key, the
 * messages of one MQTT topic stay in order. */
static void tell_keyless(struct router *r, const struct spool_record *record)
{
    char topic[201];
    snprintf(topic, sizeof topic, "%.*s", (int)record->topic.length, (const char *)record->topic.data);
    counters_add(&r->counters->keyless, 1);
    log_limited(
        &r->keyless, LOG_LEVEL_WARNING, key_not_found, LOG_FIELDS(LOG_TEXT("topic", topic)),
        "the JSON pointer of --kafka-key finds no text and no number in a message of '%s': its MQTT topic is the key",
        topic);
}

static struct message_key choose_key(struct router *r, const struct route *route,
                                     const struct spool_record *record)
{
    const struct key_rule *rule = route ? &route->key : &r->settings->key_rule;
    const struct message_key key = {rule->kind,
                                    key_rule_apply(rule, route, record->topic, record->payload, &r->buffer)};
    if (rule->kind == KAFKA_KEY_JSON && key.bytes.data == record->topic.data)
        tell_keyless(r, record);
    return key;
}

void router_count(struct router *r)
{
    atomic_store_explicit(&r->counters->topics, destinations_count(r->destinations), memory_order_relaxed);
}

bool router_route(struct router *r, const struct spool_record *record, struct routed *routed,
                  struct error *reason)
{
    char name[KAFKA_NAME_LONGEST + 1];
    const struct routes *routes = r->settings->routes;
    *routed = (struct routed){.to = destinations_fixed(r->destinations)};
    if (record->reason.length > 0)
        return error_set(reason, "%.*s", (int)record->reason.length, (const char *)record->reason.data);
    if (!routes) {
        routed->key = choose_key(r, NULL, record);
        return true;
    }
    routed->route = routes_match(routes, record->topic);
    if (routed->route == TRIE_NONE)
        return error_set(reason, "no route matches its MQTT topic");
    const struct route *route = routes_at(routes, routed->route);
    if (!route_name(route, record->topic, name, reason))
        return false;
    const char *announcements = r->settings->dead_letter_topic;
    if (announcements && strcmp(name, announcements) == 0)
        return error_set(reason, "its Kafka topic '%s' is that of --dead-letter-topic", name);
    if (!(routed->to = destinations_find(r->destinations, name, reason)))
        return false;
    router_count(r);
    routed->key = choose_key(r, route, record);
    return true;
}

void router_free(struct router *r)
{
    text_buffer_free(&r->buffer);
}
