/* store: stores the messages of Kafka topics in a database. */
#include "settings.h"
#include "store.h"

#include "core/exit_status.h"
#include "core/stop.h"
#include "options/warnings.h"

int main(int argc, char **argv)
{
    static struct store_settings settings; /* static: options point into it until exit */
    struct option_group groups[SETTINGS_GROUPS];
    const struct program program = settings_program(&settings, groups);
    options_parse_or_exit(&program, argc, argv);
    settings_check(&program, &settings);
    if (settings.print_schema) {
        settings.kind->print_schema(stdout);
        return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
    }
    log_init(program.name, &settings.log);
    options_log_warnings();
    stop_init();
    return store_run(&settings);
}
