#include "settings.h"

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
static const char *const keys[] = {"property", "topic", "none", NULL};
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
    OPT_CHOICE(
        0, "kafka-key", FIELD(kafka_key), "KEY", keys, "property",
        "key of the Kafka records: property (the MQTT user property 'key', else the MQTT topic), topic, or none"),
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

void bridge_options(struct bridge_settings *settings, struct option_group groups[BRIDGE_GROUP_COUNT])
{
    groups[0] = OPTION_GROUP("Topics", "topics", topic_specs, settings);
    groups[1] = mqtt_options(&settings->mqtt);
    groups[2] = kafka_options(&settings->kafka);
    groups[3] = kafka_topic_options(&settings->new_topic);
    groups[4] = OPTION_GROUP("Delivery", "delivery", delivery_specs, settings);
    groups[5] = OPTION_GROUP("Spool", "spool", spool_specs, settings);
    groups[6] = http_options("monitoring", &settings->http);
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

/* MQTT 5 section 4.8.2. */
static bool complete_subscription(struct bridge_settings *settings, struct error *error)
{
    struct error reason;
    int length = settings->share
                     ? asprintf(&settings->subscription, "$share/%s/%s", settings->share, settings->filter)
                     : asprintf(&settings->subscription, "%s", settings->filter);
    if (length < 0)
        out_of_memory(strlen(settings->filter));
    /* A slash would not be refused but end the group. */
    if (settings->share &&
        (strchr(settings->share, '/') || !mqtt_filter_check(settings->subscription, &reason)))
        return error_set(error,
                         "--share '%s' cannot be the name of a group: no '/', '+' or '#', and not empty",
                         settings->share);
    return true;
}

static bool complete_topics(struct bridge_settings *settings, struct error *error)
{
    struct error reason;
    if (!settings->filter || !*settings->filter)
        return error_set(error, "--topic is missing: which MQTT topic is to be carried?");
    if (!mqtt_filter_check(settings->filter, &reason))
        return error_set(error, "--topic '%s': %s", settings->filter, reason.text);
    if (!complete_subscription(settings, error))
        return false;
    if (!settings->kafka_topic)
        settings->kafka_topic = settings->filter;
    return kafka_topic_name_valid(settings->kafka_topic) ||
           error_set(
               error,
               "'%s' cannot be the name of a Kafka topic (letters, digits, '.', '_', '-', at most 249): choose one with --kafka-topic",
               settings->kafka_topic);
}

static bool check_dead_letter_topic(const struct bridge_settings *settings, struct error *error)
{
    const char *topic = settings->dead_letter_topic;
    if (topic && !kafka_topic_name_valid(topic))
        return error_set(
            error,
            "--dead-letter-topic: '%s' cannot be the name of a Kafka topic (letters, digits, '.', '_', '-', at most 249)",
            topic);
    if (topic && strcmp(topic, settings->kafka_topic) == 0)
        return error_set(error, "--dead-letter-topic '%s' is where the messages go: choose another", topic);
    return true;
}

/* All bridges of the generic program would have one name. */
static void complete_name(struct bridge_settings *settings, const char *program)
{
    if (settings->mqtt.client_id)
        snprintf(settings->name, sizeof settings->name, "%s", settings->mqtt.client_id);
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
    return http_settings_complete(&settings->http, error) && complete_folder(settings, error);
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
