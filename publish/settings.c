#include "settings.h"

#include "message.h"
#include "mqtt/topic.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct publish_settings, name)

static const struct option_spec publish_specs[] = {
    OPT_TEXT('t', "topic", FIELD(topic), "TOPIC", "topic to publish to"),
    OPT_INTEGER('q', "qos", FIELD(qos), "QOS", "1", RANGE(0, 2), "quality of service: 0, 1 or 2"),
    OPT_FLAG('r', "retain", FIELD(retain), "publish retained messages"),
    OPT_CHOICE(0, "format", FIELD(format), "FORMAT", message_formats, "json",
               "payload: json, csv (date, time, value, node, occupancy) or senml (RFC 8428)"),
    OPT_TEXT(0, "sensor", FIELD(sensor), "NAME", "name of the sensor in the payload; without one the topic"),
    OPT_TEXT(0, "unit", FIELD(unit), "UNIT",
             "unit of the values in the payload, as in RFC 8428; without one none is sent"),
    OPT_LIST(0, "property", FIELD(properties), "NAME=VALUE",
             "further user property of each message, beside key=NODE (MQTT 5); may be given several times"),
    OPT_INTEGER(
        0, "window", FIELD(window), "N", "100", RANGE(1, 65535),
        "most messages in flight; always less than the broker's receive maximum. At QoS 2 with MQTT 3.1.1, "
        "which knows none, 20 without this option: Mosquitto drops silently what exceeds its own bound"),
    OPT_DURATION(0, "drain-timeout", FIELD(drain_timeout), "10s", ANY,
                 "when stopped, how long to wait for acknowledgements that are due"),
};

void settings_options(struct publish_settings *settings, struct option_group groups[static SETTINGS_GROUPS])
{
    groups[0] = replay_options(&settings->replay);
    groups[1] = OPTION_GROUP("Messages", "messages", publish_specs, settings);
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
    replay_options_check(program, &settings->replay);
    settings->replay.settings.readings.earliest = message_earliest((enum message_format)settings->format);
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
