#include "settings.h"

#include "bridge/routes/trie.h"
#include "core/out_of_memory.h"
#include "core/state_folder.h"
#include "kafka/dead_letter_topic.h"
#include "kafka/topic.h"
#include "mqtt/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const deliveries[] = {"at-least-once", "exactly-once", NULL};
static const char *const from_downlink[] = {"drop", "carry", NULL};
static const char *const syncs[] = {"none", "interval", "always", NULL};

#define FIELD(name) offsetof(struct bridge_settings, name)

static const struct option_spec topic_specs[] = {
    OPT_TEXT('t', "topic", FIELD(filter), "FILTER", "MQTT topic or topic filter to carry"),
    OPT_TEXT(
        0, "share", FIELD(share), "GROUP",
        "carry it together with the other bridges of this group, each with an id and a spool of its own: "
        "the broker gives each message to one of them, so their order is lost"),
    OPT_INTEGER(
        'q', "qos", FIELD(qos), "0|1|2", "-1", RANGE(-1, 2),
        "QoS of the subscription; -1 is what the delivery needs: 1, or 2 for exactly-once. At 0 the broker itself may lose messages"),
    OPT_DURATION(0, "session-expiry", FIELD(session_expiry), "365d", RANGE(60, 4294967295),
                 "how long the broker keeps messages for a bridge that is away (MQTT 5)"),
    OPT_INTEGER(
        0, "receive-maximum", FIELD(receive_maximum), "N", "0", RANGE(0, 65535),
        "most messages the broker may send ahead of acknowledgements (MQTT 5); 0 is what suits the delivery: 1000, or 20 for exactly-once"),
    OPT_SIZE(0, "message-max", FIELD(message_max), "0", RANGE(0, 268435460),
             "largest message that is taken, in bytes of its MQTT packet; "
             "of a larger one the beginning and the size become a dead letter. 0 is 4M, "
             "or a quarter of --spool-max if that is less; more than that quarter is not possible"),
    OPT_TEXT(0, "kafka-topic", FIELD(kafka_topic), "NAME",
             "Kafka topic to write to; without it, the MQTT topic's name. Created if missing"),
    OPT_TEXT(
        0, "kafka-key", FIELD(key), "KEY",
        "key of the Kafka records: property (the MQTT user property 'key', else the MQTT topic), topic, none, "
        "json:POINTER (the text or number to which that JSON pointer, RFC 6901, points in the payload, else the "
        "MQTT topic), or with routes a text with their names, as {room}",
        .fallback = "property"),
    OPT_CHOICE(
        0, "from-downlink", FIELD(from_downlink), "WHAT", from_downlink, "drop",
        "drop or carry: what downlink has taken from the Kafka topic that it would be written to, where it is already (MQTT 5)"),
};

static const struct option_spec delivery_specs[] = {
    OPT_CHOICE(0, "delivery", FIELD(delivery), "MODE", deliveries, "at-least-once",
               "at-least-once (a kill may double what was in flight) or exactly-once (MQTT 5 at QoS 2 in, "
               "Kafka transactions out; consumers need isolation.level=read_committed)"),
    OPT_DURATION(
        0, "transaction-interval", FIELD(transaction_interval), "100ms", RANGE(0, 30),
        "exactly-once: shortest time from one transaction to the next, unless that was filled to the window; it bounds what is added to the latency"),
    OPT_INTEGER(0, "window", FIELD(window), "N", "1250", RANGE(1, 1000000),
                "most messages in flight to Kafka"),
    OPT_SIZE(0, "window-bytes", FIELD(window_bytes), "4M", RANGE(1024, 1e12),
             "most bytes in flight to Kafka; a single larger message still goes"),
    OPT_DURATION(0, "drain-timeout", FIELD(drain_timeout), "10s", ANY,
                 "when asked to stop, how long to deliver what is spooled; the rest stays in the spool"),
    OPT_TEXT(
        0, "position-topic", FIELD(position_topic), "NAME",
        "exactly-once: Kafka topic under whose name Kafka keeps the position, created if missing; without it the "
        "Kafka topic, or with routes " BRIDGE_POSITION_TOPIC),
};

static const struct option_spec route_specs[] = {
    OPT_LIST(
        0, "route", FIELD(route_texts), "FILTER=TOPIC",
        "carry the messages of an MQTT topic filter, in which {NAME} is a level and # at the end {rest}, to the "
        "Kafka topic made of these, as building/{room}/{sensor}=sensors.{sensor}; may be given several times, or "
        "as lines under [route] in the file. A message goes to the first route that matches. FILTER=TOPIC,KEY "
        "has a --kafka-key of its own",
        .lines_of = "route"),
    OPT_INTEGER(0, "topic-max", FIELD(topic_max), "N", "1000", RANGE(1, 100000),
                "most Kafka topics that routes may lead to: a message for one more becomes a dead letter"),
    OPT_FLAG(
        0, "print-routes", FIELD(print_routes),
        "instead of running, print where messages of the MQTT topics that follow would go, and with which key; "
        "the exit status is 1 where one would go nowhere"),
};

static const struct option_spec spool_specs[] = {
    OPT_TEXT(
        0, "spool", FIELD(spool_directory), "FOLDER",
        "folder of the spool; without it, a folder per bridge in $STATE_DIRECTORY, else in $XDG_STATE_HOME/roomstream, else in ~/.local/state/roomstream"),
    OPT_SIZE(
        0, "spool-max", FIELD(spool_max), "1G", RANGE(65536, 1e15),
        "bound of the spool: near it the bridge leaves the MQTT broker, which then keeps the rest, and comes back at two thirds of it"),
    OPT_SIZE(0, "segment-size", FIELD(segment_bytes), "16M", RANGE(4096, 1e12),
             "size of a file of the spool; disk space comes back a file at a time"),
    OPT_CHOICE(
        0, "sync", FIELD(sync), "WHEN", syncs, "interval",
        "when the spool is made durable against a power loss: none, interval, or always (before each acknowledgement)"),
    OPT_DURATION(0, "sync-interval", FIELD(sync_interval), "1s", RANGE(0.001, 3600),
                 "interval of --sync interval: what a power loss can cost at most"),
    OPT_FLAG(
        0, "spool-repair", FIELD(spool_repair),
        "set damaged files of the spool aside, as NAME.corrupt, and keep all in them that is whole; for one start, after one that was refused"),
    OPT_FLAG(
        0, "forget", FIELD(forget),
        "instead of running, retire this bridge: end its session at the MQTT broker and remove its spool; refused while it runs, "
        "and while the spool holds anything"),
    OPT_FLAG(0, "discard", FIELD(discard),
             "with --forget, throw away the messages and dead letters that the spool holds"),
    OPT_TEXT(0, "dead-letter-topic", FIELD(dead_letter_topic), "TOPIC", DEAD_LETTER_TOPIC_HELP),
};

_Static_assert(SPOOL_SEGMENT_BYTES == 16 << 20, "the default of --segment-size is the usual size");

size_t bridge_options(struct bridge_settings *settings, bool routes,
                      struct option_group groups[BRIDGE_GROUPS_MAX])
{
    groups[0] = OPTION_GROUP("Topics", "topics", topic_specs, settings);
    groups[1] = mqtt_options(&settings->mqtt);
    groups[2] = kafka_options(&settings->kafka);
    groups[3] = kafka_topic_options(&settings->new_topic);
    groups[4] = OPTION_GROUP("Delivery", "delivery", delivery_specs, settings);
    groups[5] = OPTION_GROUP("Spool", "spool", spool_specs, settings);
    groups[6] = http_options("monitoring", &settings->http);
    groups[7] = OPTION_GROUP("Routes", "routes", route_specs, settings);
    return routes ? 8 : 7;
}

/* Exactly-once needs a certain MQTT; the rest has defaults that depend on it. */
static bool complete_delivery(struct bridge_settings *settings, struct error *error)
{
    bool exactly_once = settings->delivery == EXACTLY_ONCE;
    if (settings->qos < 0)
        settings->qos = exactly_once ? 2 : 1;
    if (settings->receive_maximum == 0)
        settings->receive_maximum = exactly_once ? 20 : 1000;
    if (exactly_once && settings->mqtt.version != MQTT_VERSION_5)
        return error_set(error, "--delivery exactly-once needs --mqtt-version 5");
    if (exactly_once && settings->qos != 2)
        return error_set(error, "--delivery exactly-once needs --qos 2, not %d", (int)settings->qos);
    return true;
}

/* Any message fits into the spool as soon as some of it is delivered. */
static bool complete_message_max(struct bridge_settings *settings, struct error *error)
{
    const int64_t usual = 4 << 20, most = settings->spool_max / 4;
    char needed[TEXT_SIZE_SIZE];
    if (settings->message_max == 0)
        settings->message_max = usual < most ? usual : most;
    text_from_size(4 * settings->message_max, needed);
    return settings->message_max <= most ||
           error_set(error,
                     "--message-max %" PRId64 " needs a --spool-max of at least four times as much, %s",
                     settings->message_max, needed);
}

/* MQTT 5 section 4.8.2. A slash would not be refused but end the group. */
static bool complete_share(const struct bridge_settings *settings, struct error *error)
{
    char text[300];
    return !settings->share ||
           ((size_t)snprintf(text, sizeof text, "$share/%s/a", settings->share) < sizeof text &&
            !strchr(settings->share, '/') && mqtt_filter_check(text, NULL)) ||
           error_set(
               error,
               "--share '%.200s' cannot be the name of a group: no '/', '+' or '#', not empty, not long",
               settings->share);
}

static bool complete_topic(struct bridge_settings *settings, struct error *error)
{
    const struct text_list no_names = {0};
    struct error reason;
    if (!mqtt_filter_check(settings->filter, &reason))
        return error_set(error, "--topic '%s': %s", settings->filter, reason.text);
    if (!settings->kafka_topic)
        settings->kafka_topic = settings->filter;
    if (!kafka_topic_name_valid(settings->kafka_topic))
        return error_set(error,
                         "'%s' cannot be the name of a Kafka topic (letters, digits, '.', '_', '-', "
                         "at most 249): choose one with --kafka-topic",
                         settings->kafka_topic);
    settings->filters =
        (struct route_filters){.items = calloc(1, sizeof *settings->filters.items), .count = 1};
    if (!settings->filters.items)
        out_of_memory(sizeof *settings->filters.items);
    settings->filters.items[0].filter = settings->filter;
    return key_rule_parse(settings->key, &no_names, &settings->key_rule, &reason) ||
           error_set(error, "--kafka-key '%s': %s", settings->key, reason.text);
}

/* A list for people, cut where it is long. */
static const char *list_routes(const struct routes *routes, bool of_kafka)
{
    static char lists[2][400];
    char *list = lists[of_kafka];
    size_t length = 0, count = routes_count(routes);
    for (size_t i = 0; i < count && length < sizeof lists[0] - 60; i++) {
        const struct route *route = routes_at(routes, i);
        length += (size_t)snprintf(list + length, sizeof lists[0] - 30 - length, "%s%s", i ? ", " : "",
                                   of_kafka ? route->topic.text : route->filter);
    }
    if (length >= sizeof lists[0] - 60)
        snprintf(list + sizeof lists[0] - 60, 60, "... (%zu routes)", count);
    return list;
}

static bool complete_routes(struct bridge_settings *settings, struct error *error)
{
    settings->routes = routes_open(&settings->route_texts, settings->key, error);
    if (!settings->routes || !route_filters_make(settings->routes, &settings->filters, error))
        return false;
    size_t fixed = routes_fixed_topics(settings->routes);
    if (fixed > (size_t)settings->topic_max)
        return error_set(error, "the routes name %zu Kafka topics, more than --topic-max %" PRId64 " allows",
                         fixed, settings->topic_max);
    for (size_t i = 0; settings->mqtt.version != MQTT_VERSION_5 && i < settings->filters.count; i++)
        if (settings->filters.items[i].elder_count > 0)
            return error_set(
                error,
                "the routes' filters '%s' and '%s' overlap: a broker may send one message for each, and with "
                "MQTT 3.1.1 nothing tells such copies. Use --mqtt-version 5, or a route that covers both",
                settings->filters.items[i].elders[0], settings->filters.items[i].filter);
    settings->filter = list_routes(settings->routes, false);
    settings->kafka_topic = list_routes(settings->routes, true);
    return true;
}

static bool complete_topics(struct bridge_settings *settings, struct error *error)
{
    bool routes = settings->route_texts.count > 0;
    if (!settings->print_routes && settings->topics.count > 0)
        return error_set(error, "'%.100s' is not an option: values follow an option, as in --name VALUE",
                         settings->topics.items[0]);
    if (settings->print_routes && (!routes || settings->topics.count == 0))
        return error_set(error,
                         "--print-routes needs a --route, and MQTT topics behind it: --print-routes a/b c/d");
    if (routes && (settings->filter || settings->kafka_topic))
        return error_set(error, "--route takes the place of --topic and --kafka-topic: leave out either");
    if (!routes && (!settings->filter || !*settings->filter))
        return error_set(error, "--topic is missing: which MQTT topic is to be carried?");
    if (!complete_share(settings, error) || !(routes ? complete_routes : complete_topic)(settings, error))
        return false;
    if (!settings->position_topic)
        settings->position_topic = routes ? BRIDGE_POSITION_TOPIC : settings->kafka_topic;
    return kafka_topic_name_valid(settings->position_topic) ||
           error_set(error, "--position-topic '%s' cannot be the name of a Kafka topic",
                     settings->position_topic);
}

static bool check_dead_letter_topic(const struct bridge_settings *settings, struct error *error)
{
    const char *topic = settings->dead_letter_topic;
    if (topic && !kafka_topic_name_valid(topic))
        return error_set(
            error,
            "--dead-letter-topic: '%s' cannot be the name of a Kafka topic (letters, digits, '.', '_', '-', at most 249)",
            topic);
    /* A name that a route makes of a message's topic is known only then: router.c. */
    if (topic && (settings->routes ? routes_name_topic(settings->routes, topic)
                                   : strcmp(topic, settings->kafka_topic) == 0))
        return error_set(error, "--dead-letter-topic '%s' is where the messages go: choose another", topic);
    return true;
}

/* All bridges of the generic program would have one name. */
static void complete_name(struct bridge_settings *settings, const char *program)
{
    if (settings->mqtt.client_id)
        snprintf(settings->name, sizeof settings->name, "%s", settings->mqtt.client_id);
    else if (settings->routes)
        snprintf(settings->name, sizeof settings->name, "bridge-routes");
    else if (strcmp(program, "bridge") == 0 && settings->kafka_topic)
        snprintf(settings->name, sizeof settings->name, "bridge-%s", settings->kafka_topic);
    else
        snprintf(settings->name, sizeof settings->name, "%s", program);
}

static bool complete_folder(struct bridge_settings *settings, struct error *error)
{
    char folder[600];
    if (settings->spool_directory)
        return *settings->spool_directory || error_set(error, "--spool is empty");
    if (settings->mqtt.client_id)
        snprintf(folder, sizeof folder, "%s", settings->mqtt.client_id);
    else
        snprintf(folder, sizeof folder, "%s", settings->name);
    if (strchr(folder, '/') || *folder == '.' || *folder == '\0')
        return error_set(error, "--spool is needed where the client id '%s' cannot be the name of a folder",
                         folder);
    settings->spool_directory = state_folder(folder);
    return settings->spool_directory ||
           error_set(error,
                     "--spool is missing, and neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set");
}

bool bridge_settings_complete(struct bridge_settings *settings, const char *program, struct error *error)
{
    settings->segment_bytes = spool_segment_size(settings->segment_bytes, settings->spool_max);
    if (!mqtt_settings_complete(&settings->mqtt, error) || !complete_topics(settings, error) ||
        !check_dead_letter_topic(settings, error) || !complete_delivery(settings, error) ||
        !complete_message_max(settings, error))
        return false;
    complete_name(settings, program);
    return http_settings_complete(&settings->http, error) &&
           (settings->print_routes || complete_folder(settings, error));
}

bool bridge_kafka_topic(const struct bridge_settings *settings, struct spool_bytes topic,
                        char name[static KAFKA_NAME_LONGEST + 1])
{
    if (!settings->routes) {
        snprintf(name, KAFKA_NAME_LONGEST + 1, "%s", settings->kafka_topic);
        return true;
    }
    size_t route = routes_match(settings->routes, topic);
    return route != TRIE_NONE && route_name(routes_at(settings->routes, route), topic, name, NULL);
}

struct spool_settings bridge_spool_settings(const struct bridge_settings *settings)
{
    return (struct spool_settings){
        .directory = settings->spool_directory,
        .segment_bytes = settings->segment_bytes,
        .max_bytes = settings->spool_max,
        .sync = settings->sync,
        .sync_interval = settings->sync_interval,
        .window = (size_t)settings->window,
        .repair = settings->spool_repair,
    };
}
