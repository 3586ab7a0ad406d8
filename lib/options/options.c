#include "options.h"

#include "command_line.h"
#include "core/credential.h"
#include "core/exit_status.h"
#include "core/log.h"
#include "print.h"
#include "sources.h"
#include "warnings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct general_settings {
    bool help, version, print_config, print_options;
    const char *config;
};

static struct general_settings general;

#define FIELD(name) offsetof(struct general_settings, name)

static const struct option_spec general_specs[] = {
    OPT_TEXT(
        0, "config", FIELD(config), "FILE",
        "read options from FILE: 'name = value' lines, also under [default], the program's name or a group's",
        .env = "ROOMSTREAM_CONFIG"),
    OPT_FLAG(0, "print-config", FIELD(print_config), "print the effective options as such a file and exit"),
    OPT_FLAG(0, "print-options", FIELD(print_options),
             "print the options as the manual page's source (scdoc) and exit"),
    OPT_FLAG(0, "help", FIELD(help), "print this help and exit"),
    OPT_FLAG(0, "version", FIELD(version), "print the version and exit"),
};

static struct option_table table;

static void fill_table(const struct program *program)
{
    static const struct option_group group = {"General", "general", general_specs,
                                              sizeof general_specs / sizeof *general_specs, &general};
    free((void *)general.config);
    general = (struct general_settings){0};
    options_forget_warnings();
    option_table_fill(&table, program, &group);
}

bool options_given(const char *name)
{
    const struct option_row *row = option_find(&table, name);
    return row && row->given;
}

void options_write(const char *section, const char *const *except, FILE *out)
{
    options_print_section(&table, section, except, out);
}

/* All sources, the lowest in precedence first. The general options come before: they say which file to read,
 * if any. */
static bool set_all(const struct program *program, const struct command_line *line, struct error *error)
{
    if (!command_line_set(line, &table, true, error))
        return false;
    if (general.help || general.version || general.print_options)
        return true;
    const char *config = general.config, *from_environment = getenv("ROOMSTREAM_CONFIG");
    if (!config && from_environment && *from_environment)
        config = from_environment;
    return (!config || options_from_file(&table, program, config, error)) &&
           options_from_environment(&table, error) && command_line_set(line, &table, false, error) &&
           options_from_properties_file(&table, error);
}

enum options_result options_parse(const struct program *program, int argc, char **argv, struct error *error)
{
    struct command_line line = {0};
    fill_table(program);
    bool ok = options_from_defaults(&table, error) &&
              command_line_read(&line, &table, argc, argv, program->operands, error) &&
              set_all(program, &line, error);
    command_line_free(&line);
    if (!ok)
        return OPTIONS_WRONG;
    if (general.help)
        options_print_help(program, &table);
    else if (general.version)
        printf("%s (roomstream) %s\n", program->name, ROOMSTREAM_VERSION);
    else if (general.print_options)
        options_print_manual(&table);
    else if (general.print_config)
        options_print_config(&table);
    else
        return OPTIONS_RUN;
    return OPTIONS_DONE;
}

_Noreturn void options_wrong(const struct program *program, const char *format, ...)
{
    va_list arguments;
    char text[4096], shown[4096];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    credential_show_source(text, shown, sizeof shown);
    const char *priority = log_journal_priority(LOG_LEVEL_ERROR);
    fprintf(stderr, "%s%s: %s\n%sTry '%s --help'.\n", priority, program->name, shown, priority,
            program_invocation_short_name); /* installed, it has a prefix */
    exit(EXIT_WRONG_USE);
}

/* A standard stream that is closed must not become some file that is opened later. What takes its place fails
 * to be used: stdin cannot be read from, stdout and stderr cannot be written to. */
static void keep_standard_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            abort(); /* the lowest free descriptor is the one that is closed */
}

void options_need_stdout(const struct program *program)
{
    if ((fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
        options_wrong(program, "standard output is closed: where should the messages go?");
}

void options_parse_or_exit(const struct program *program, int argc, char **argv)
{
    keep_standard_streams();
    struct error error;
    switch (options_parse(program, argc, argv, &error)) {
    case OPTIONS_RUN:
        return;
    case OPTIONS_DONE:
        if (fflush(stdout) != 0 || ferror(stdout)) {
            fprintf(stderr, "%s: cannot write to stdout: %s\n", program->name, strerror(errno));
            exit(EXIT_FAILED);
        }
        exit(EXIT_DONE);
    case OPTIONS_WRONG:
        options_wrong(program, "%s", error.text);
    }
}
