/* dashboard: serves a page that shows the room and the pipeline. */
#include "core/stop.h"
#include "dashboard.h"
#include "options/command_line.h"
#include "options/warnings.h"

int main(int argc, char **argv)
{
    static struct dashboard_settings settings; /* static: options point into it until exit */
    struct option_group groups[DASHBOARD_GROUPS];
    const struct program program = dashboard_program(&settings, groups);
    options_parse_or_exit(&program, argc, argv);
    dashboard_settings_check(&program, &settings);
    log_init(program.name, &settings.log);
    options_log_warnings();
    stop_init();
    return dashboard_run(&settings);
}
