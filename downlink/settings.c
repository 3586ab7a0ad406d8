#include "settings.h"

#include "core/state_folder.h"
#include "kafka/dead_letter_topic.h"
#include "kafka/topic.h"
#include "options/log_options.h"

#include <stddef.h>
#include <string.h>

static const char *const offsets[] = {"beginning", "end", NULL};

#define FIELD(name) offsetof(struct downlink_settings, name)

static const struct option_spec source_specs[] = {
    OPT_LIST(
        't', "topic", FIELD(topics), "TOPIC",
        "Kafka topic to send; may be repeated. One that begins with ^ is a regular expression. Without this, "
        "occupancy, which estimate writes"),
    OPT_TEXT('G', "group", FIELD(group), "GROUP",
             "consumer group: programs of one group share the partitions, and it keeps the position",
             .fallback = "roomstream-downlink"),
    OPT_CHOICE('o', "offset", FIELD(offset), "WHERE", offsets, "beginning",
               "beginning or end: where to begin in partitions of which the group has no position"),
    OPT_FLAG(
        0, "carried", FIELD(carried),
        "send also what a bridge has brought in from MQTT (it has the header mqtt.topic); without this it is "
        "left out, so that nothing goes round in circles"),
};

static const struct option_spec target_specs[] = {
    OPT_TEXT(
        0, "to", FIELD(to), "TEMPLATE",
        "MQTT topic of a message: a text with {topic}, {partition}, {key}, {header:NAME} and {json:/POINTER}; "
        "{{ and }} are braces",
        .fallback = "room/{topic}"),
    OPT_INTEGER('q', "qos", FIELD(qos), "1|2", "1", RANGE(1, 2), "QoS of the MQTT messages"),
    OPT_FLAG(
        'r', "retain", FIELD(retain),
        "the broker keeps the last message of each MQTT topic for those who subscribe later; an empty one, as a "
        "tombstone of Kafka becomes, ends that"),
};

static const struct option_spec delivery_specs[] = {
    OPT_INTEGER(
        0, "window", FIELD(window), "N", "500", RANGE(1, 65535),
        "most messages that were sent and whose offset is not committed: as many may come twice after a kill. "
        "In flight are always less than the broker's receive maximum, with MQTT 3.1.1 less than 20"),
    OPT_SIZE(0, "window-bytes", FIELD(window_bytes), "4M", RANGE(1024, 1e9),
             "most bytes in flight; a single larger message still goes"),
    OPT_DURATION(0, "drain-timeout", FIELD(drain_timeout), "10s", RANGE(0, 86400),
                 "when asked to stop, how long to wait for acknowledgements that are due"),
};

static const struct option_spec spool_specs[] = {
    OPT_TEXT(
        0, "spool", FIELD(spool), "FOLDER",
        "folder of the dead letters, and of what dead-letters retry puts back; without it, a folder by the name "
        "downlink, or --id, in $STATE_DIRECTORY, else in $XDG_STATE_HOME/roomstream, else in "
        "~/.local/state/roomstream"),
    OPT_FLAG(
        0, "spool-repair", FIELD(spool_repair),
        "set damaged files of that folder aside, as NAME.corrupt, and go on with all in them that is whole; for "
        "one start, after one that was refused"),
    OPT_TEXT(0, "dead-letter-topic", FIELD(dead_letter_topic), "TOPIC", DEAD_LETTER_TOPIC_HELP),
};

static const char details[] =
    "At least once: the offset of a message is committed when the MQTT broker has acknowledged it, in order for each "
    "partition. What the broker can never take goes to the dead letters, for dead-letters --of downlink. Kafka and the "
    "MQTT broker may be away at any time.";

struct program settings_program(struct downlink_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS])
{
    groups[0] = OPTION_GROUP("Source", "kafka-source", source_specs, settings);
    groups[1] = OPTION_GROUP("Target", "mqtt-target", target_specs, settings);
    groups[2] = mqtt_options(&settings->mqtt);
    groups[3] = kafka_options(&settings->kafka);
    groups[4] = OPTION_GROUP("Delivery", "mqtt-delivery", delivery_specs, settings);
    groups[5] = OPTION_GROUP("Dead letters", "downlink-spool", spool_specs, settings);
    groups[6] = http_options("monitoring", &settings->http);
    groups[7] = log_options(&settings->log);
    return (struct program){
        .name = "downlink",
        .usage = "[OPTION]...",
        .summary = "Sends the messages of Kafka topics to MQTT topics.",
        .details = details,
        .groups = groups,
        .group_count = SETTINGS_GROUPS,
    };
}

static void check_topics(const struct program *program, struct downlink_settings *settings)
{
    if (settings->topics.count == 0)
        text_list_append(&settings->topics, "occupancy");
    for (size_t i = 0; i < settings->topics.count; i++) {
        const char *topic = settings->topics.items[i];
        if (*topic != '^')
            kafka_topic_check(program, "--topic", topic);
    }
    if (settings->dead_letter_topic) {
        kafka_topic_check(program, "--dead-letter-topic", settings->dead_letter_topic);
        if (text_list_contains(&settings->topics, settings->dead_letter_topic))
            options_wrong(program, "--dead-letter-topic '%s' is one of the topics to send: choose another",
                          settings->dead_letter_topic);
    }
    if (!*settings->group)
        options_wrong(program, "--group is empty");
}

static void check_template(const struct program *program, struct downlink_settings *settings)
{
    struct error error;
    if (!*settings->to)
        options_wrong(program, "--to is empty: to which MQTT topic are the messages to go?");
    if (!template_parse(settings->to, &settings->template, &error))
        options_wrong(program, "--to: %s", error.text);
    if (*settings->to == '$')
        options_wrong(program, "--to '%s' begins with $, which brokers keep for themselves", settings->to);
}

static void check_folder(const struct program *program, struct downlink_settings *settings)
{
    settings->name = settings->mqtt.client_id ? settings->mqtt.client_id : "downlink";
    if (settings->spool && !*settings->spool)
        options_wrong(program, "--spool is empty");
    if (settings->spool)
        return;
    if (strchr(settings->name, '/') || *settings->name == '.' || !*settings->name)
        options_wrong(program, "--spool is needed where the client id '%s' cannot be the name of a folder",
                      settings->name);
    settings->spool = state_folder(settings->name);
    if (!settings->spool)
        options_wrong(program,
                      "--spool is missing, and neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set");
}

void settings_check(const struct program *program, struct downlink_settings *settings)
{
    struct error error;
    check_topics(program, settings);
    check_template(program, settings);
    if (!mqtt_settings_complete(&settings->mqtt, &error) || !http_settings_complete(&settings->http, &error))
        options_wrong(program, "%s", error.text);
    check_folder(program, settings);
}
