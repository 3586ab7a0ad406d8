#include "settings.h"

#include "core/clock.h"
#include "core/sensors.h"
#include "kafka/topic.h"
#include "options/log_options.h"
#include "room.h"
#include "status/targets.h"

#include <string.h>

#define FIELD(name) offsetof(struct dashboard_settings, name)

static const struct option_spec shown_specs[] = {
    OPT_LIST(
        't', "topic", FIELD(topics), "TOPIC",
        "a Kafka topic, whose messages are JSON objects with time and value as publish makes them; may be given several times. Without it, those of the sensors"),
    OPT_TEXT(
        0, "people", FIELD(people), "TOPIC",
        "the Kafka topic with the estimates of how many are in the room, which are shown beside the truth; '' for none",
        .fallback = "occupancy"),
    OPT_DURATION(0, "history", FIELD(history), "1d", ANY,
                 "how far back to begin, by the time at which Kafka took a message"),
    OPT_TEXT(0, "note", FIELD(note), "TEXT", "a line for those who look at the page"),
};

static const struct option_spec http_specs[] = {
    OPT_TEXT(
        0, "http", FIELD(http), "ADDR:PORT",
        "serve the page there, and /metrics (Prometheus), /healthz, /readyz and /status (JSON); "
        "a port alone is on the loopback address, port 0 is any that is free (the log says which). There is no access control: "
        "to let others look, put a reverse proxy with a login before it",
        .fallback = "9750"),
    OPT_LIST(
        0, "http-host", FIELD(http_hosts), "NAME",
        "host name by which others ask for it, such as the reverse proxy's; may be given several times. "
        "Requests for an IP address, localhost or the name in --http are answered anyway, others with 421"),
    OPT_INTEGER(0, "clients", FIELD(clients), "N", "256", RANGE(1, 10000),
                "how many may look at the page at a time"),
};

static const struct option_spec program_specs[] = {
    OPT_LIST(
        0, "status", FIELD(programs.addresses), "ADDR:PORT",
        "address of a bridge or another program to show, as its --http; may be given several times. Without it, those that status finds"),
    OPT_TEXT(0, "targets", FIELD(programs.targets), "FILE",
             "without --status, a file with their addresses, as for status"),
};

struct program dashboard_program(struct dashboard_settings *settings,
                                 struct option_group groups[static DASHBOARD_GROUPS])
{
    groups[0] = OPTION_GROUP("What is shown", "dashboard", shown_specs, settings);
    groups[1] = kafka_options(&settings->kafka);
    groups[2] = OPTION_GROUP("Serving", "serving", http_specs, settings);
    groups[3] = OPTION_GROUP("Programs", "programs", program_specs, settings);
    groups[4] = log_options(&settings->log);
    return (struct program){
        .name = "dashboard",
        .usage = "[OPTION]...",
        .summary = "Serves a web page that shows the room and the pipeline, live from Kafka.",
        .details =
            "The page has a chart for each topic with a line for each node, "
            "how many people are in the room by estimate and in truth, and how the bridges are. It needs no other server.",
        .groups = groups,
        .group_count = DASHBOARD_GROUPS,
    };
}

static void add_topic(const struct program *program, struct text_list *topics, const char *option,
                      const char *name)
{
    kafka_topic_check(program, option, name);
    if (text_list_contains(topics, name))
        return;
    if (topics->count == ROOM_TOPICS)
        options_wrong(program, "at most %d topics can be shown", ROOM_TOPICS);
    text_list_append(topics, name);
}

/* The given topics or those of the sensors, each once, and the one of the estimates at the end. */
static void complete_topics(const struct program *program, struct dashboard_settings *settings)
{
    struct text_list given = settings->topics;
    settings->topics = (struct text_list){0};
    for (size_t i = 0; i < given.count; i++)
        if (!settings->people || strcmp(given.items[i], settings->people) != 0)
            add_topic(program, &settings->topics, "--topic", given.items[i]);
    for (size_t i = 0; given.count == 0 && sensor_at(i); i++)
        add_topic(program, &settings->topics, "--topic", sensor_at(i)->name);
    if (settings->people)
        add_topic(program, &settings->topics, "--people", settings->people);
    text_list_free(&given);
}

void dashboard_settings_check(const struct program *program, struct dashboard_settings *settings)
{
    struct error error;
    struct targets targets;
    if (settings->people && !*settings->people)
        settings->people = NULL;
    complete_topics(program, settings);
    if (!http_address_parse(settings->http, &settings->address, &error))
        options_wrong(program, "--http: %s", error.text);
    settings->programs.timeout = SECOND;
    settings->programs.oldest = MINUTE;
    if (settings->programs.addresses.count > 0 && !targets_read(&settings->programs, &targets, &error))
        options_wrong(program, "--status: %s", error.text);
    if (settings->programs.addresses.count > 0)
        targets_free(&targets);
}
