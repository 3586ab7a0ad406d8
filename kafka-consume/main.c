/* kafka-consume: prints the messages of Kafka topics, or what there is. */
#include "consumer.h"
#include "core/stop.h"
#include "list.h"
#include "options/options.h"
#include "options/warnings.h"
#include "settings.h"

int main(int argc, char **argv)
{
    static struct consume_settings settings; /* static: options point into it until exit */
    struct option_group groups[SETTINGS_GROUPS];
    struct option_default defaults[SETTINGS_DEFAULTS];
    const struct program program = settings_program(&settings, groups, defaults);
    options_parse_or_exit(&program, argc, argv);
    settings_check(&program, &settings);
    log_init(program.name, &settings.log);
    options_log_warnings();
    stop_init();
    return settings.list ? list_run(&settings) : consumer_run(&settings);
}
