/* What the user of a publisher can choose, beside the connection (mqtt.h) and the log (log.h). */
#ifndef ROOMSTREAM_PUBLISH_SETTINGS_H
#define ROOMSTREAM_PUBLISH_SETTINGS_H

#include "core/sensors.h"
#include "core/text.h"
#include "mqtt/settings.h"
#include "options/options.h"
#include "replay_options.h"

struct publish_settings {
    struct replay_options replay;
    const char *topic, *sensor, *unit;
    struct text_list properties;
    int64_t qos, window;
    int64_t drain_timeout; /* ns */
    int format;            /* enum message_format */
    bool retain;
};

/* Two groups: what is replayed and how, and how it is published. settings outlive the parsing. */
enum { SETTINGS_GROUPS = 2 };
void settings_options(struct publish_settings *settings, struct option_group groups[static SETTINGS_GROUPS]);

/* The defaults that the sensor (NULL: none) brings; returns how many. */
enum { SETTINGS_DEFAULTS = 4 };
size_t settings_defaults(const struct sensor *sensor,
                         struct option_default defaults[static SETTINGS_DEFAULTS]);

/* Checks how the options fit together and completes the settings; wrong use ends the program. */
void settings_check(const struct program *program, struct publish_settings *settings,
                    const struct mqtt_settings *mqtt);

/* What makes a replay another one for --resume, as far as the user chose it, as `name = value` lines: all but
 * the pace and what is local. NULL when memory is exhausted; the caller frees it. */
char *settings_describe_replay(const struct mqtt_settings *mqtt, const struct replay *replay);

#endif
