/* What the user of kafka-produce can choose. */
#ifndef ROOMSTREAM_KAFKA_PRODUCE_SETTINGS_H
#define ROOMSTREAM_KAFKA_PRODUCE_SETTINGS_H

#include "core/log.h"
#include "kafka/client.h"
#include "kafka/topic.h"
#include "message.h"
#include "options/options.h"

struct produce_settings {
    struct kafka_settings kafka;
    struct log_settings log;
    struct kafka_topic_settings topic;
    int64_t partition; /* -1: by the key */
    int compression;
    const char *compression_name; /* NULL: librdkafka's property decides */
    struct text_list headers;     /* NAME=VALUE, or NAME for a null value */
    const char *key_delimiter_text, *delimiter_text;
    bool by_line;                 /* also of a file */
    bool produce;                 /* without effect */
    struct text_list files;       /* to read instead of standard input */
    struct message_format format; /* completed by settings_check */
    const char *delimiter;        /* likewise */
    size_t delimiter_length;
    int64_t drain_timeout; /* ns */
    bool quiet;
};

enum { SETTINGS_GROUPS = 5 };

/* The program's description with its options. Settings and groups must outlive it. */
struct program settings_program(struct produce_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS]);

/* Checks how the options fit together and completes the settings; wrong use ends the program. */
void settings_check(const struct program *program, struct produce_settings *settings);

#endif
