#include "settings.h"

#include "core/clock.h"
#include "core/out_of_memory.h"
#include "core/sensors.h"
#include "core/state_folder.h"
#include "kafka/topic.h"
#include "options/log_options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const offsets[] = {"beginning", "end", NULL};
static const char *const payloads[] = {"auto", "json", "senml", "csv", NULL};
static const char *const time_units[] = {"s", "ms", "us", "ns", NULL};
static const int64_t time_unit_lengths[] = {SECOND, MILLISECOND, MICROSECOND, 1};

#define FIELD(name) offsetof(struct store_settings, name)

static const struct option_spec source_specs[] = {
    OPT_LIST(
        't', "topic", FIELD(topics), "TOPIC",
        "Kafka topic to store; may be repeated. One that begins with ^ is a regular expression. Without this, the six topics of the sensors"),
    OPT_TEXT('G', "group", FIELD(group), "GROUP",
             "consumer group: programs of one group share the partitions. One group a database",
             .fallback = "roomstream-store"),
    OPT_CHOICE('o', "offset", FIELD(offset), "WHERE", offsets, "beginning",
               "beginning or end: where to begin in partitions of which the database has no position"),
};

static const struct option_spec database_specs[] = {
    OPT_TEXT('d', "database", FIELD(database), "DATABASE",
             "sqlite:FILE, or postgresql://[USER@]HOST[:PORT]/NAME as libpq reads it; "
             "its variables (PGPASSWORD and so on) and its password file apply. Without this, "
             "the SQLite file readings.db in $STATE_DIRECTORY, else in $XDG_STATE_HOME/roomstream/store, "
             "else in ~/.local/state/roomstream/store"),
    OPT_DURATION(0, "database-timeout", FIELD(database_timeout), "60s", RANGE(1, 86400),
                 "PostgreSQL: how long an answer may take before the connection is given up and made again"),
    OPT_FLAG(0, "print-schema", FIELD(print_schema),
             "print the SQL of the tables and views for that kind of database, and end"),
};

static const struct option_spec content_specs[] = {
    OPT_FLAG(0, "raw", FIELD(raw), "store each message as it is in the table message, whatever it is"),
    OPT_CHOICE(
        0, "payload", FIELD(payload), "FORMAT", payloads, "auto",
        "what payloads are: json, senml (RFC 8428, packs too), csv (as our publishers write it) or auto, by the first character of each"),
    OPT_TEXT(
        0, "time", FIELD(pointers[FIELD_TIME]), "POINTER",
        "JSON pointer (RFC 6901) to the time, a text as in RFC 3339 or a number; kafka: the timestamp of the message itself",
        .fallback = "/time"),
    OPT_CHOICE(0, "time-unit", FIELD(time_unit), "UNIT", time_units, "s",
               "unit of times that are numbers: s, ms, us or ns since 1970"),
    OPT_TEXT(0, "value", FIELD(pointers[FIELD_VALUE]), "POINTER",
             "JSON pointer to the value: a number, true or false (1 or 0), or a text", .fallback = "/value"),
    OPT_TEXT(0, "key", FIELD(pointers[FIELD_KEY]), "POINTER",
             "JSON pointer to the key of the series; without this, Kafka's key, else the member node"),
    OPT_TEXT(0, "unit", FIELD(pointers[FIELD_UNIT]), "POINTER",
             "JSON pointer to the unit, which may be missing", .fallback = "/unit"),
};

static const struct option_spec delivery_specs[] = {
    OPT_INTEGER(0, "batch", FIELD(batch), "N", "5000", RANGE(1, 100000),
                "most messages of one transaction. It does not wait for them: what is there is written"),
    OPT_SIZE(0, "batch-bytes", FIELD(batch_bytes), "1M", RANGE(1024, 1e9),
             "most bytes of one transaction; a single larger message still goes"),
    OPT_DURATION(0, "drain-timeout", FIELD(drain_timeout), "10s", RANGE(0, 86400),
                 "when asked to stop, how long to write what was read; the rest is read again"),
};

static const char details[] = "Each message and the position behind it are written in one transaction, "
                              "so that none is lost and none is there twice, whatever is killed. "
                              "Messages that are not readings go to the table reject, with the reason. "
                              "Kafka and the database may be away at any time.";

struct program settings_program(struct store_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS])
{
    groups[0] = OPTION_GROUP("Source", "source", source_specs, settings);
    groups[1] = kafka_options(&settings->kafka);
    groups[2] = OPTION_GROUP("Database", "database", database_specs, settings);
    groups[3] = OPTION_GROUP("Content", "content", content_specs, settings);
    groups[4] = OPTION_GROUP("Delivery", "delivery", delivery_specs, settings);
    groups[5] = http_options("monitoring", &settings->http);
    groups[6] = log_options(&settings->log);
    return (struct program){
        .name = "store",
        .usage = "[OPTION]...",
        .summary = "Stores the messages of Kafka topics in a database, each exactly once.",
        .details = details,
        .groups = groups,
        .group_count = SETTINGS_GROUPS,
    };
}

static void check_topics(const struct program *program, struct store_settings *settings)
{
    bool none = settings->topics.count == 0;
    for (size_t i = 0; none && sensor_at(i); i++)
        text_list_append(&settings->topics, sensor_at(i)->name);
    for (size_t i = 0; i < settings->topics.count; i++) {
        const char *topic = settings->topics.items[i];
        if (*topic != '^')
            kafka_topic_check(program, "--topic", topic);
    }
    if (!*settings->group)
        options_wrong(program, "--group is empty");
}

/* The folder of a service is its own. */
static char *default_database(void)
{
    const char *service = getenv("STATE_DIRECTORY");
    char *file = state_folder(service && *service ? "readings.db" : "store/readings.db"), *address = NULL;
    if (file && asprintf(&address, "sqlite:%s", file) < 0)
        out_of_memory(strlen(file));
    free(file);
    return address;
}

static void check_database(const struct program *program, struct store_settings *settings)
{
    struct error error;
    if (!settings->database)
        settings->database = default_database();
    if (!settings->database)
        options_wrong(
            program,
            "--database is missing, and neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME says where files go");
    settings->kind = database_kind(settings->database, &error);
    if (!settings->kind)
        options_wrong(program, "%s", error.text);
}

static void check_content(const struct program *program, struct store_settings *settings)
{
    static const char *const fixed[FIELDS] = {
        [FIELD_OCCUPANCY] = "/occupancy", [FIELD_SEQ] = "/seq", [FIELD_NODE] = "/node"};
    static const char *const names[FIELDS] = {"time", "value", "unit", "", "", "key", ""};
    struct reader_settings *reader = &settings->reader;
    struct error error;
    reader->format = (enum payload_format)settings->payload;
    reader->time_unit = time_unit_lengths[settings->time_unit];
    reader->kafka_time = strcmp(settings->pointers[FIELD_TIME], "kafka") == 0;
    for (int i = 0; i < FIELDS; i++) {
        const char *text = fixed[i] ? fixed[i] : settings->pointers[i];
        if (!text || (i == FIELD_TIME && reader->kafka_time))
            continue;
        if (i == FIELD_KEY && !*text)
            options_wrong(program, "--key is empty: it names a member, as /key");
        if (!pointer_parse(text, &reader->fields[i], &error))
            options_wrong(program, "--%s: %s", names[i], error.text);
    }
}

void settings_check(const struct program *program, struct store_settings *settings)
{
    struct error error;
    check_topics(program, settings);
    check_database(program, settings);
    check_content(program, settings);
    if (!http_settings_complete(&settings->http, &error))
        options_wrong(program, "%s", error.text);
}
