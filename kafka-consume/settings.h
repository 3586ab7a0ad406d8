/* What the user of kafka-consume can choose. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_SETTINGS_H
#define ROOMSTREAM_KAFKA_CONSUME_SETTINGS_H

#include "core/log.h"
#include "format.h"
#include "kafka/client.h"
#include "options/options.h"
#include "start.h"

struct consume_settings {
    struct kafka_settings kafka;
    struct log_settings log;
    struct text_list topics;
    const char *group; /* NULL: none */
    int64_t partition; /* -1: all */
    const char *start_text;
    struct start start; /* read from it by settings_check */
    bool until_end;
    bool list;       /* what there is, instead of messages: see list.h */
    bool consume;    /* without effect */
    int64_t count;   /* messages to print, 0: no limit */
    int64_t timeout; /* ns, 0: none */
    const char *format_text, *key_delimiter, *delimiter;
    bool quiet; /* no line for who waits at a terminal */
    bool json, show_null;
    struct format *format; /* made from them by settings_check, lives until exit */
};

enum { SETTINGS_GROUPS = 4, SETTINGS_DEFAULTS = 1 };

/* The program's description with its options. Settings, groups and defaults must outlive it. */
struct program settings_program(struct consume_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS],
                                struct option_default defaults[static SETTINGS_DEFAULTS]);

/* Checks how the options fit together and completes the settings; wrong use ends the program. */
void settings_check(const struct program *program, struct consume_settings *settings);

#endif
