#include "settings.h"

#include "kafka/topic.h"
#include "options/log_options.h"

#include <stddef.h>

#define FIELD(name) offsetof(struct consume_settings, name)

static const struct option_spec consumption_specs[] = {
    OPT_FLAG('C', "consume", FIELD(consume), "for those who are used to kcat: it is what this program does"),
    OPT_FLAG('L', "list", FIELD(list),
             "print the brokers, topics and partitions that there are, with leader, replicas, replicas in "
             "sync (isrs) and errors, and end; with --topic those of these topics, with --json as a JSON "
             "object. Options that are about messages have no effect then"),
    OPT_LIST('t', "topic", FIELD(topics), "TOPIC",
             "topic to read; may be repeated. With --group, one that begins with ^ is a regular expression"),
    OPT_TEXT(
        'G', "group", FIELD(group), "GROUP",
        "read as a member of this consumer group: its members share the partitions, and it continues where it stopped. "
        "Without one, all partitions are read and no position is kept"),
    OPT_INTEGER('p', "partition", FIELD(partition), "N", "-1", RANGE(-1, INT32_MAX),
                "read this partition only; -1 for all"),
    OPT_TEXT(
        'o', "offset", FIELD(start_text), "OFFSET",
        "where to begin in each partition: beginning (earliest), end (latest), N (an offset), "
        "-N (the Nth last message that can be read), or s@TIME (the first message of that time or later; "
        "TIME in ms since 1970 or as 2026-11-25T10:00:00Z). With --group beginning or end, "
        "for partitions of which it has no position, or stored, the same as beginning",
        .fallback = "beginning"),
    OPT_FLAG('e', "until-end", FIELD(until_end),
             "end with status 0 once all is printed that the partitions had at the start"),
    OPT_INTEGER('c', "count", FIELD(count), "N", NULL, RANGE(1, 9e15), "end with status 0 after N messages"),
    OPT_DURATION('W', "timeout", FIELD(timeout), NULL, RANGE(0.001, 1e9),
                 "end with status 27 after this time, counted from the start of the program; "
                 "--list without it ends with status 1 when nothing answers for 5 s"),
};

static const struct option_spec print_specs[] = {
    OPT_FLAG('q', "quiet", FIELD(quiet), "do not say on a terminal that it waits for messages"),
    OPT_TEXT(
        'f', "format", FIELD(format_text), "FORMAT",
        "print each message in this format, whose sequences stand in the description; no delimiter is added"),
    OPT_FLAG(
        'J', "json", FIELD(json),
        "print each message as a JSON object with topic, partition, offset, timestamp (ms since 1970), key, "
        "headers and value; what is not UTF-8 stands in base64 as key_base64, value_base64"),
    OPT_TEXT('K', "key-delimiter", FIELD(key_delimiter), "TEXT",
             "print the key and this text before each value; escapes as in a format"),
    OPT_TEXT('D', "delimiter", FIELD(delimiter), "TEXT",
             "print this text after each message; escapes as in a format", .fallback = "\\n"),
    OPT_FLAG('Z', "null", FIELD(show_null),
             "print NULL for keys and values that are null, instead of nothing"),
};

static const char details[] =
    "Each message is printed on standard output as its value, byte for byte, and a newline. "
    "The program waits for a Kafka that is away and for topics that do not exist yet, "
    "and ends with status 0 when it is interrupted or nobody reads its output any more. "
    "Messages of transactions are printed once these are committed.\n\n"
    "With --group the position is committed only after the output was written, "
    "about once a second and at the end: a kill loses nothing and may print the last second again.\n\n"
    "In a FORMAT, %s is the value, %S its length, %R its length as 4 bytes in network order, "
    "%k the key, %K its length, %t the topic, %p the partition, %o the offset, "
    "%T the timestamp in ms since 1970, %h the headers as NAME=VALUE,..., %% a %; "
    "lengths are -1 for null. \\n \\r \\t \\0 \\\\ and \\xHH are escapes.";

struct program settings_program(struct consume_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS],
                                struct option_default defaults[static SETTINGS_DEFAULTS])
{
    groups[0] = OPTION_GROUP("Consumption", "consumption", consumption_specs, settings);
    groups[1] = OPTION_GROUP("Output", "output", print_specs, settings);
    groups[2] = kafka_options(&settings->kafka);
    groups[3] = log_options(&settings->log);
    /* On a terminal the messages are what one wants to see. */
    defaults[0] = (struct option_default){"log-level", "warning"};
    return (struct program){
        .name = "kafka-consume",
        .usage = "-t TOPIC... [OPTION]... | -L [OPTION]...",
        .summary = "Prints the messages of Kafka topics.",
        .details = details,
        .groups = groups,
        .group_count = SETTINGS_GROUPS,
        .defaults = defaults,
        .default_count = SETTINGS_DEFAULTS,
    };
}

static void check_topics(const struct program *program, const struct consume_settings *settings)
{
    if (settings->topics.count == 0 && !settings->list)
        options_wrong(program, "--topic is missing: which topics are to be read? (-L lists them)");
    for (size_t i = 0; i < settings->topics.count; i++) {
        const char *topic = settings->topics.items[i];
        if (!(settings->group && !settings->list && *topic == '^'))
            kafka_topic_check(program, "--topic", topic);
    }
}

static void check_start(const struct program *program, struct consume_settings *settings)
{
    struct error error;
    if (!start_parse(settings->start_text, &settings->start, &error))
        options_wrong(program, "--offset: %s", error.text);
    if (settings->start.kind == START_STORED) {
        if (!settings->group)
            options_wrong(program, "--offset stored needs --group, which keeps the position");
        settings->start.kind = START_BEGINNING; /* where there is none yet */
    }
    if (!settings->group)
        return;
    if (!*settings->group)
        options_wrong(program, "--group is empty");
    if (settings->start.kind != START_BEGINNING && settings->start.kind != START_END)
        options_wrong(program, "--offset is beginning or end with --group, which has a position of its own");
    if (settings->partition >= 0)
        options_wrong(program, "--partition and --group exclude each other: the group shares out partitions");
}

static void check_format(const struct program *program, struct consume_settings *settings)
{
    struct error error;
    const char *option = settings->format_text ? "format" : "delimiter";
    if (settings->format_text && settings->json)
        options_wrong(program, "--format and --json exclude each other");
    if (settings->format_text)
        settings->format = format_parse(settings->format_text, settings->show_null, &error);
    else if (settings->json)
        settings->format = format_json(settings->delimiter, &error);
    else
        settings->format =
            format_lines(settings->key_delimiter, settings->delimiter, settings->show_null, &error);
    if (!settings->format)
        options_wrong(program, "--%s: %s", option, error.text);
}

void settings_check(const struct program *program, struct consume_settings *settings)
{
    options_need_stdout(program);
    check_topics(program, settings);
    if (settings->list)
        return;
    check_start(program, settings);
    check_format(program, settings);
}
