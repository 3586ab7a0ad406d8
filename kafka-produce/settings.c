#include "settings.h"

#include "options/log_options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct produce_settings, name)

static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};

static const struct option_spec topic_specs[] = {
    OPT_FLAG('P', "produce", FIELD(produce), "for those who are used to kcat: it is what this program does"),
    OPT_TEXT('t', "topic", FIELD(topic.name), "TOPIC", "topic to write to; it is created if it is missing"),
    OPT_INTEGER('p', "partition", FIELD(partition), "N", "-1", RANGE(-1, INT32_MAX),
                "write to this partition; -1 for one that follows from the key, any where there is none"),
    OPT_CHOICE('z', "compression", FIELD(compression), "CODEC", codecs, "none",
               "compress batches of messages with none, gzip, snappy, lz4 or zstd"),
    OPT_DURATION(0, "drain-timeout", FIELD(drain_timeout), "10s", ANY,
                 "when interrupted, how long to wait for what was read to be delivered"),
    OPT_FLAG('q', "quiet", FIELD(quiet), "do not show progress"),
};

static const struct option_spec input_specs[] = {
    OPT_FLAG(
        'l', "lines", FIELD(by_line),
        "make each line of the FILE a message, as of standard input; without this option each FILE is one"),
    OPT_TEXT('K', "key-delimiter", FIELD(key_delimiter_text), "TEXT",
             "what stands before the first such text in a line is the key; a line without it has none"),
    OPT_TEXT('D', "delimiter", FIELD(delimiter_text), "TEXT",
             "what ends a line. In this and the key delimiter \\n \\r \\t \\0 \\\\ and \\xHH are escapes",
             .fallback = "\\n"),
    OPT_FLAG('Z', "null", FIELD(format.empty_is_null),
             "write keys and values that are empty as null: such a value is a tombstone"),
    OPT_FLAG(
        0, "jsonl", FIELD(format.json),
        "each line is a JSON object as kafka-consume --json prints it: value (text or null) or value_base64, and, "
        "where wanted, key or key_base64, headers, timestamp (ms since 1970)"),
    OPT_LIST('H', "header", FIELD(headers), "NAME=VALUE",
             "header of each message; without = its value is null. May be repeated"),
};

static const char details[] =
    "Each line of standard input becomes a message, an empty line an empty one. "
    "With FILEs, each of them is a message, or, with --lines, each line of the one FILE. "
    "Nothing is sent where one of them cannot be read or is too large. "
    "The lines that were not delivered are named with the reason, and the status is then 1. "
    "The program waits up to a minute (message.timeout.ms) for a Kafka that is away, "
    "reads no faster than Kafka takes the messages, and keeps their order within a partition, "
    "each once (enable.idempotence). When it is interrupted it delivers what it has read.";

struct program settings_program(struct produce_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS])
{
    groups[0] = OPTION_GROUP("Production", "production", topic_specs, settings);
    groups[1] = OPTION_GROUP("Input", "input", input_specs, settings);
    groups[2] = kafka_options(&settings->kafka);
    groups[3] = kafka_topic_options(&settings->topic);
    groups[4] = log_options(&settings->log);
    return (struct program){
        .name = "kafka-produce",
        .usage = "-t TOPIC [OPTION]... [FILE]...",
        .summary = "Makes each line of its standard input, or each FILE, a message of a Kafka topic.",
        .details = details,
        .groups = groups,
        .group_count = SETTINGS_GROUPS,
        .operands = &settings->files,
    };
}

/* The option's bytes with escapes replaced; they live until exit. */
static const char *unescape(const struct program *program, const char *option, const char *text,
                            size_t *length)
{
    char *bytes = malloc(strlen(text) + 1);
    if (!bytes)
        abort();
    if (!text_unescape(text, bytes, length))
        options_wrong(program, "--%s '%s': the escapes are \\n \\r \\t \\0 \\\\ and \\xHH", option, text);
    if (*length == 0)
        options_wrong(program, "--%s is empty", option);
    return bytes;
}

static void check_files(const struct program *program, const struct produce_settings *settings)
{
    if (settings->by_line && settings->files.count > 1)
        options_wrong(program, "--lines takes one FILE: several can be piped in by cat");
    if (settings->by_line || settings->files.count == 0)
        return;
    if (settings->key_delimiter_text || options_given("delimiter") || settings->format.json)
        options_wrong(
            program,
            "--key-delimiter, --delimiter and --jsonl are about lines: a FILE has some with --lines");
}

void settings_check(const struct program *program, struct produce_settings *settings)
{
    struct message_format *format = &settings->format;
    if (!settings->topic.name)
        options_wrong(program, "--topic is missing: where should the messages go?");
    kafka_topic_check(program, "--topic", settings->topic.name);
    if (format->json && (settings->key_delimiter_text || format->empty_is_null))
        options_wrong(program,
                      "--jsonl says itself what is a key and what is null: no --key-delimiter, no --null");
    check_files(program, settings);
    for (size_t i = 0; i < settings->headers.count; i++)
        if (*settings->headers.items[i] == '=' || !*settings->headers.items[i])
            options_wrong(program, "--header '%s' has no name", settings->headers.items[i]);
    settings->delimiter =
        unescape(program, "delimiter", settings->delimiter_text, &settings->delimiter_length);
    if (settings->key_delimiter_text)
        format->key_delimiter =
            unescape(program, "key-delimiter", settings->key_delimiter_text, &format->key_delimiter_length);
    if (options_given("compression"))
        settings->compression_name = codecs[settings->compression];
}
