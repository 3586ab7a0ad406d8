/* What the user of downlink can choose. */
#ifndef ROOMSTREAM_DOWNLINK_SETTINGS_H
#define ROOMSTREAM_DOWNLINK_SETTINGS_H

#include "template.h"

#include "core/log.h"
#include "http/settings.h"
#include "kafka/client.h"
#include "mqtt/settings.h"
#include "options/options.h"

enum downlink_offset { OFFSET_BEGINNING, OFFSET_END };

struct downlink_settings {
    struct text_list topics;
    const char *group;
    int offset; /* enum downlink_offset */
    bool carried;
    const char *to;
    int64_t qos;
    bool retain;
    struct mqtt_settings mqtt;
    struct kafka_settings kafka;
    int64_t window;
    int64_t window_bytes;
    int64_t drain_timeout; /* ns */
    const char *spool;     /* folder; once checked, never NULL */
    bool spool_repair;
    const char *dead_letter_topic; /* where dead letters are announced; NULL: nowhere */
    struct http_settings http;
    struct log_settings log;
    /* made of them by settings_check: */
    struct template template;
    const char *name; /* --id, or downlink */
};

enum { SETTINGS_GROUPS = 8 };

/* The program's description with its options. Settings and groups outlive it. */
struct program settings_program(struct downlink_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS]);

/* Checks how the options fit together and completes the settings; wrong use ends the program. */
void settings_check(const struct program *program, struct downlink_settings *settings);

#endif
