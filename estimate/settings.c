#include "settings.h"

#include <stddef.h>
#include <string.h>

#define FIELD(name) offsetof(struct estimate_settings, name)

static const struct option_spec estimate_specs[] = {
    OPT_TEXT('m', "model", FIELD(model_file), "FILE",
             "the model, as scripts/train.py writes it. Without it, the one that is built in"),
    OPT_TEXT('t', "topic", FIELD(topic.name), "TOPIC", "Kafka topic to write to; created if missing",
             .fallback = "occupancy"),
    OPT_TEXT(
        'i', "id", FIELD(id), "NAME",
        "names this program to Kafka, as its transactional id and consumer group: where it stands is kept under it. Another program with the same id is fenced off",
        .fallback = "roomstream-estimate"),
    OPT_DURATION(
        'w', "wait", FIELD(wait), "10s", RANGE(0, 3600),
        "how long a moment waits, from its first reading on, for readings that are not in Kafka yet"),
    OPT_DURATION(
        0, "age", FIELD(age), "5min", RANGE(0, 2592000),
        "how much older than the moment the last reading of an input may be that is taken where it has none; in recorded time"),
    OPT_DURATION(
        0, "reorder", FIELD(reorder), "2min", RANGE(0, 2592000),
        "how far the readings of an input may be out of order, in recorded time; what comes later than that is ignored"),
    OPT_DURATION(0, "transaction-interval", FIELD(transaction_interval), "100ms", RANGE(0, 30),
                 "shortest time from one transaction to the next; it bounds what is added to the latency"),
};

static const char details[] =
    "Reads the readings of all sensors from Kafka, joins them by recorded time, and writes one record for each time to the "
    "topic 'occupancy': {\"time\":...,\"estimate\":2,\"probability\":[...],\"seq\":1}. The record and the position behind its "
    "readings are one transaction of Kafka, so no moment is lost or doubled, whatever is killed; consumers need "
    "isolation.level=read_committed.\n\n"
    "Where an input has no reading of that time, its last one is taken for a while, and \"old\" names the input; after that "
    "\"missing\" names it, and the estimate is null. How many were really there, which the payload may tell, is never looked at.";

struct program settings_program(struct estimate_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS])
{
    groups[0] = OPTION_GROUP("Estimation", "estimate", estimate_specs, settings);
    groups[1] = kafka_options(&settings->kafka);
    groups[2] = kafka_topic_options(&settings->topic);
    groups[3] = http_options("estimate-monitoring", &settings->http);
    groups[4] = log_options(&settings->log);
    return (struct program){
        .name = "estimate",
        .usage = "[OPTION]...",
        .summary = "Estimates from sensor readings in Kafka how many people are in the room.",
        .details = details,
        .groups = groups,
        .group_count = SETTINGS_GROUPS,
    };
}

/* The topics of the inputs, each once. */
static void list_topics(struct estimate_settings *settings)
{
    for (size_t i = 0; i < settings->model.input_count; i++) {
        const char *topic = settings->model.inputs[i].topic;
        size_t known = 0;
        while (known < settings->topics.count && strcmp(settings->topics.items[known], topic) != 0)
            known++;
        if (known == settings->topics.count)
            text_list_append(&settings->topics, topic);
    }
}

void settings_check(const struct program *program, struct estimate_settings *settings)
{
    struct error error;
    if (!*settings->id)
        options_wrong(program, "--id is empty");
    kafka_topic_check(program, "--topic", settings->topic.name);
    if (!model_read(settings->model_file, &settings->model, &error))
        options_wrong(program, "--model: %s", error.text);
    list_topics(settings);
    if (text_list_contains(&settings->topics, settings->topic.name))
        options_wrong(program, "--topic: '%s' is a topic that the model reads", settings->topic.name);
    if (!http_settings_complete(&settings->http, &error))
        options_wrong(program, "%s", error.text);
}
