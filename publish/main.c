/* publish and publish-SENSOR: replays columns of a CSV file to an MQTT topic. PROGRAM_NAME and PROGRAM_SENSOR
 * come from cmake/Sensors.cmake. */
#include "core/log.h"
#include "core/sensors.h"
#include "core/stop.h"
#include "mqtt/settings.h"
#include "options/log_options.h"
#include "options/options.h"
#include "options/warnings.h"
#include "publisher.h"
#include "settings.h"

static struct publish_settings settings;
static struct mqtt_settings mqtt;
static struct log_settings logging;

static const char details[] =
    "One message is published for each row and column, paced by the recorded time. It ends when every message is acknowledged, "
    "with status 0; it waits for a broker that is away and reconnects by itself.\n\n"
    "The file needs a header line that names the columns with the time and those to publish, in any order and among others. "
    "A JSON payload is {\"time\":...,\"sensor\":...,\"node\":...,\"value\":...,\"unit\":...,\"occupancy\":...,\"seq\":...}; "
    "numbers keep the file's digits, seq counts the readings from 1.";

int main(int argc, char **argv)
{
    struct option_group groups[SETTINGS_GROUPS + 2];
    struct option_default defaults[SETTINGS_DEFAULTS];
    settings_options(&settings, groups);
    groups[SETTINGS_GROUPS] = mqtt_options(&mqtt);
    groups[SETTINGS_GROUPS + 1] = log_options(&logging);
    const struct program program = {
        .name = PROGRAM_NAME,
        .family = "publish",
        .usage = "[OPTION]...",
        .summary = "Replays sensor readings from a CSV file to an MQTT topic.",
        .details = details,
        .groups = groups,
        .group_count = sizeof groups / sizeof *groups,
        .defaults = defaults,
        .default_count = settings_defaults(sensor_find(PROGRAM_SENSOR), defaults),
    };
    struct error error;
    options_parse_or_exit(&program, argc, argv);
    if (!mqtt_settings_complete(&mqtt, &error))
        options_wrong(&program, "%s", error.text);
    settings_check(&program, &settings, &mqtt);
    log_init(PROGRAM_NAME, &logging);
    options_log_warnings();
    stop_init();
    return publisher_run(PROGRAM_NAME, &settings, &mqtt, &logging);
}
