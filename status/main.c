/* status: shows how the bridges are. */
#include "core/stop.h"
#include "options/warnings.h"
#include "show.h"

int main(int argc, char **argv)
{
    static struct status_settings settings; /* static: options point into it until exit */
    struct option_group groups[SETTINGS_GROUPS];
    const struct program program = settings_program(&settings, groups);
    struct targets targets;
    struct error error;
    options_parse_or_exit(&program, argc, argv);
    if (!targets_read(&settings, &targets, &error))
        options_wrong(&program, "%s", error.text);
    log_init(program.name, &settings.log);
    options_log_warnings();
    stop_init();
    int status = show(&settings, &targets);
    targets_free(&targets);
    return status;
}
