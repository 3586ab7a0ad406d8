#include "settings.h"

#include "message.h"
#include "mqtt/topic.h"
#include "replay_options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) .offset = offsetof(struct publish_settings, field)

static const struct option_spec publish_specs[] = {
    {.name = "topic",
     .letter = 't',
     .kind = OPTION_TEXT,
     .argument = "TOPIC",
     AT(topic),
     .help = "topic to publish to"},
    {.name = "qos",
     .letter = 'q',
     .kind = OPTION_INTEGER,
     .argument = "QOS",
     .fallback = "1",
     .minimum = 0,
     .maximum = 2,
     AT(qos),
     .help = "quality of service: 0, 1 or 2"},
    {.name = "retain", .letter = 'r', .kind = OPTION_FLAG, AT(retain), .help = "publish retained messages"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .argument = "FORMAT",
     .choices = message_formats,
     .fallback = "json",
     AT(format),
     .help = "payload: json, csv (date, time, value, node, occupancy) or senml (RFC 8428)"},
    {.name = "sensor",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     AT(sensor),
     .help = "name of the sensor in the payload; without one the topic"},
    {.name = "unit",
     .kind = OPTION_TEXT,
     .argument = "UNIT",
     AT(unit),
     .help = "unit of the values in the payload, as in RFC 8428; without one none is sent"},
    {.name = "property",
     .kind = OPTION_LIST,
     .argument = "NAME=VALUE",
     AT(properties),
     .help = "further user property of each message, beside key=NODE (MQTT 5); may be given several times"},
    {.name = "window",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .fallback = "100",
     .minimum = 1,
     .maximum = 65535,
     AT(window),
     .help =
         "most messages in flight; always less than the broker's receive maximum. At QoS 2 with MQTT 3.1.1, "
         "which knows none, 20 without this option: Mosquitto drops silently what exceeds its own bound"},
    {.name = "drain-timeout",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "10s",
     AT(drain_timeout),
     .help = "when stopped, how long to wait for acknowledgements that are due"},
};

void settings_options(struct publish_settings *settings, struct option_group groups[static SETTINGS_GROUPS])
{
    groups[0] = replay_options(settings);
    groups[1] = (struct option_group){"Messages", "messages", publish_specs,
                                      sizeof publish_specs / sizeof *publish_specs, settings};
}

size_t settings_defaults(const struct sensor *sensor,
                         struct option_default defaults[static SETTINGS_DEFAULTS])
{
    if (!sensor)
        return 0;
    defaults[0] = (struct option_default){"topic", sensor->name};
    defaults[1] = (struct option_default){"sensor", sensor->name};
    defaults[2] = (struct option_default){"unit", sensor->unit};
    defaults[3] = (struct option_default){"column", sensor->columns};
    return SETTINGS_DEFAULTS;
}

static void check_property(const struct program *program, const char *property)
{
    const char *equals = strchr(property, '=');
    if (!equals || equals == property)
        options_wrong(program, "--property: '%s' is not NAME=VALUE", property);
    if (!mqtt_is_utf8(property))
        options_wrong(program, "--property: '%s' is not valid UTF-8", property);
    if (equals - property > 65535 || strlen(equals + 1) > 65535)
        options_wrong(program, "--property: name and value are at most 65535 bytes each");
}

static void check_message(const struct program *program, struct publish_settings *settings)
{
    struct error error;
    if (!settings->topic)
        options_wrong(program, "name the topic to publish to with --topic");
    if (!mqtt_topic_check(settings->topic, &error))
        options_wrong(program, "--topic: '%s': %s", settings->topic, error.text);
    if (!settings->sensor)
        settings->sensor = settings->topic;
    if (!mqtt_is_utf8(settings->sensor) || (settings->unit && !mqtt_is_utf8(settings->unit)))
        options_wrong(program, "--sensor and --unit must be valid UTF-8");
    if (settings->format == MESSAGE_SENML && !message_senml_name(settings->sensor))
        options_wrong(
            program,
            "--sensor: SenML allows letters, digits and - : . / _ only, a letter or digit first, not '%s'",
            settings->sensor);
}

void settings_check(const struct program *program, struct publish_settings *settings,
                    const struct mqtt_settings *mqtt)
{
    replay_options_check(program, settings);
    check_message(program, settings);
    if (settings->qos == 2 && mqtt->version == MQTT_VERSION_311 && !options_given("window"))
        settings->window = 20; /* Mosquitto's default of max_inflight_messages */
    if (settings->properties.count > 0 && mqtt->version != MQTT_VERSION_5)
        options_wrong(program, "--property needs --mqtt-version 5: earlier versions have no user properties");
    for (size_t i = 0; i < settings->properties.count; i++)
        check_property(program, settings->properties.items[i]);
}

char *settings_describe_replay(const struct mqtt_settings *mqtt, const struct replay *replay)
{
    static const char *const unrelated[] = {"file",   "speed", "max-gap", "rate",    "fast",
                                            "jitter", "quiet", "resume",  "summary", NULL};
    static const char *const local[] = {"drain-timeout", "window", NULL};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    options_write("replay", unrelated, out);
    replay_describe(replay, out);
    options_write("messages", local, out);
    fprintf(out, "mqtt-version = %s\n", mqtt->version == MQTT_VERSION_5 ? "5" : "3.1.1");
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
