#include "bridge.h"
#include "core/sensors.h"
#include "core/stop.h"
#include "forget.h"
#include "options/log_options.h"
#include "options/warnings.h"
#include "routes/print.h"

#include <string.h>

/* An option of earlier releases that people and scripts know. */
static void refuse_dead_letters(const struct program *program, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--dead-letters", strlen("--dead-letters")) == 0)
            options_wrong(
                program,
                "--dead-letters is gone: use the program dead-letters, as in 'dead-letters list --of bridge-temp'");
}

int main(int argc, char **argv)
{
    static struct bridge_settings settings; /* static: options point into it until exit */
    const struct sensor *sensor = sensor_find(PROGRAM_SENSOR);
    struct option_group groups[BRIDGE_GROUPS_MAX + 1];
    const struct option_default defaults[] = {{"http", "0"}, {"topic", sensor ? sensor->name : ""}};
    struct error error;
    size_t count = bridge_options(&settings, !sensor, groups);
    groups[count++] = log_options(&settings.log);
    const struct program program = {
        .name = PROGRAM_NAME,
        .family = "bridge",
        .usage = sensor ? "[OPTION]..." : "--topic FILTER | --route FILTER=TOPIC... [OPTION]...",
        .summary = sensor ? "Carries the messages of an MQTT topic to a Kafka topic, losing none."
                          : "Carries the messages of MQTT topics to Kafka topics, losing none.",
        .details =
            "A message is acknowledged to MQTT only once it stands in the spool, a folder of its own on disk, and leaves the spool only once Kafka has acknowledged it. Both sides may be away at any time.",
        .groups = groups,
        .group_count = count,
        .defaults = defaults,
        .default_count = sensor ? 2 : 1,
        .operands = sensor ? NULL : &settings.topics,
    };
    refuse_dead_letters(&program, argc, argv);
    options_parse_or_exit(&program, argc, argv);
    log_init(PROGRAM_NAME, &settings.log);
    options_log_warnings();
    if (!bridge_settings_complete(&settings, PROGRAM_NAME, &error))
        options_wrong(&program, "%s", error.text);
    if (settings.print_routes)
        return print_routes(&settings);
    stop_init();
    return settings.forget ? forget(&settings, PROGRAM_NAME) : bridge_run(&settings, PROGRAM_NAME);
}
