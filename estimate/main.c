/* estimate: how many people are in the room, from the readings in Kafka. */
#include "estimator.h"

#include "core/stop.h"
#include "options/warnings.h"

int main(int argc, char **argv)
{
    static struct estimate_settings settings; /* static: options point into it until exit */
    struct option_group groups[SETTINGS_GROUPS];
    const struct program program = settings_program(&settings, groups);
    options_parse_or_exit(&program, argc, argv);
    settings_check(&program, &settings);
    log_init(program.name, &settings.log);
    options_log_warnings();
    stop_init();
    return estimator_run(&settings);
}
