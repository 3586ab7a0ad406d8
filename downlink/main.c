/* downlink: sends the messages of Kafka topics to MQTT topics. */
#include "downlink.h"
#include "settings.h"

#include "core/stop.h"
#include "options/warnings.h"

int main(int argc, char **argv)
{
    static struct downlink_settings settings; /* static: options point into it until exit */
    struct option_group groups[SETTINGS_GROUPS];
    const struct program program = settings_program(&settings, groups);
    options_parse_or_exit(&program, argc, argv);
    settings_check(&program, &settings);
    log_init(program.name, &settings.log);
    options_log_warnings();
    stop_init();
    return downlink_run(&settings);
}
