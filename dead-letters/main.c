/* dead-letters: what can be done about messages that Kafka could never take. */
#include "actions.h"
#include "core/log.h"
#include "options/warnings.h"

int main(int argc, char **argv)
{
    static struct letters_settings settings; /* static: options point into it until exit */
    struct option_group groups[SETTINGS_GROUPS];
    const struct program program = settings_program(&settings, groups);
    options_parse_or_exit(&program, argc, argv);
    settings_check(&program, &settings);
    log_init(program.name, &settings.log);
    options_log_warnings();
    return letters_act(&settings);
}
