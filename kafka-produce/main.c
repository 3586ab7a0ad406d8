/* kafka-produce: makes each line of its standard input, or each FILE, a message of a Kafka topic. */
#include "core/stop.h"
#include "options/options.h"
#include "options/warnings.h"
#include "producer.h"
#include "settings.h"

int main(int argc, char **argv)
{
    static struct produce_settings settings; /* static: options point into it until exit */
    struct option_group groups[SETTINGS_GROUPS];
    const struct program program = settings_program(&settings, groups);
    options_parse_or_exit(&program, argc, argv);
    settings_check(&program, &settings);
    log_init(program.name, &settings.log);
    options_log_warnings();
    stop_init();
    return producer_run(&settings);
}
