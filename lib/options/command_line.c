#include "command_line.h"

#include "core/out_of_memory.h"
#include "value.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long returns: a letter, 1 for an operand (see getopt_names), or this and the number of a row.
 */
enum { OPERAND = 1, FIRST_LONG_CODE = 256 };

/* The names in the form that getopt_long takes. */
struct getopt_names {
    char letters[2 * OPTIONS_MAX + 3];
    struct option longs[OPTIONS_MAX + 1];
};

static void collect_names(struct getopt_names *names, const struct option_table *table)
{
    /* Operands are returned where they stand; a value that is missing is told from an unknown option. */
    *names = (struct getopt_names){.letters = "-:"};
    size_t letters = strlen(names->letters), longs = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = table->rows[i].spec;
        if (spec->kind == OPTION_SECRET)
            continue;
        bool flag = spec->kind == OPTION_FLAG;
        names->longs[longs++] = (struct option){spec->name, flag ? no_argument : required_argument, NULL,
                                                FIRST_LONG_CODE + (int)i};
        if (spec->letter)
            names->letters[letters++] = spec->letter;
        if (spec->letter && !flag)
            names->letters[letters++] = ':';
    }
}

static bool refuse_secret(const struct option_spec *spec, struct error *error)
{
    char env[OPTION_ENV_SIZE];
    return error_set(
        error,
        "--%s is not taken on the command line, where others can read it: set the environment variable %s, or %s in the file of --config%s%s",
        spec->name, option_env(spec, env), spec->name, spec->refused_letter ? ", or use --" : "",
        spec->refused_letter ? "password-file" : "");
}

/* `word` is --NAME or --NAME=VALUE. The value is not shown: it may be a password. */
static bool unknown_long(const struct option_table *table, const char *word, struct error *error)
{
    const char *name = word + 2, *near = NULL;
    size_t length = strcspn(name, "=");
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = table->rows[i].spec;
        if (strncmp(spec->name, name, length) != 0)
            continue;
        if (spec->kind != OPTION_SECRET)
            near = near ? near : spec->name;
        else if (spec->name[length] == '\0')
            return refuse_secret(spec, error);
    }
    return error_set(error, "unknown option '--%.*s'%s%s%s", (int)length, name,
                     near ? "; did you mean '--" : "", near ? near : "", near ? "'?" : "");
}

/* What getopt_long complains about at `word`. */
static bool usage_error(struct option_table *table, int code, const char *word, struct error *error)
{
    bool is_long = strncmp(word, "--", 2) == 0;
    const struct option_row *row = NULL;
    if (optopt >= FIRST_LONG_CODE)
        row = &table->rows[optopt - FIRST_LONG_CODE];
    else if (code == ':')
        row = option_find_letter(table, optopt);
    if (row && code == '?')
        return error_set(error, "option '--%s' takes no value", row->spec->name);
    if (row && is_long)
        return error_set(error, "option '--%s' needs a value: %s", row->spec->name, row->spec->argument);
    if (row)
        return error_set(error, "option '-%c' needs a value: %s", row->spec->letter, row->spec->argument);
    if (is_long)
        return unknown_long(table, word, error);
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].spec->refused_letter && table->rows[i].spec->refused_letter == optopt)
            return refuse_secret(table->rows[i].spec, error);
    return error_set(error, "unknown option '-%c'", isgraph((unsigned char)optopt) ? optopt : '?');
}

static bool take_operand(struct text_list *operands, const char *word, struct error *error)
{
    if (!operands)
        return error_set(error, "'%.100s' is not an option: values follow an option, as in --name VALUE",
                         word);
    text_list_append(operands, word);
    return true;
}

/* What getopt_long returned at `word`. */
static bool take_option(struct command_line *line, struct option_table *table, int code, const char *word,
                        struct error *error)
{
    if (code == ':' || code == '?')
        return usage_error(table, code, word, error);
    struct option_row *row =
        code >= FIRST_LONG_CODE ? &table->rows[code - FIRST_LONG_CODE] : option_find_letter(table, code);
    /* An abbreviation would mean something else once an option is added. */
    if (code >= FIRST_LONG_CODE && strcspn(word + 2, "=") != strlen(row->spec->name))
        return unknown_long(table, word, error);
    line->options[line->count++] = (struct argument){row, optarg ? optarg : "true"};
    return true;
}

bool command_line_read(struct command_line *line, struct option_table *table, int argc, char **argv,
                       struct text_list *operands, struct error *error)
{
    struct getopt_names names;
    size_t room = 1; /* a word may hold several letters */
    for (int i = 1; i < argc; i++)
        room += strlen(argv[i]);
    line->options = calloc(room, sizeof *line->options);
    if (!line->options)
        out_of_memory(room * sizeof *line->options);
    collect_names(&names, table);
    opterr = 0;
    optind = 0; /* glibc: start afresh, at 1 */
    for (;;) {
        const char *word = argv[optind ? optind : 1];
        int code = getopt_long(argc, argv, names.letters, names.longs, NULL);
        if (code == -1)
            break;
        if (!(code == OPERAND ? take_operand(operands, optarg, error)
                              : take_option(line, table, code, word, error)))
            return false;
    }
    for (; optind < argc; optind++) /* behind -- */
        if (!take_operand(operands, argv[optind], error))
            return false;
    return true;
}

void command_line_free(struct command_line *line)
{
    free(line->options);
    *line = (struct command_line){0};
}

static bool set_argument(const struct argument *argument, struct option_table *table, struct error *error)
{
    const struct option_spec *spec = argument->row->spec;
    char source[80], env[OPTION_ENV_SIZE];
    int name = (int)strcspn(argument->value, "=");
    snprintf(source, sizeof source, "--%s", spec->name);
    if (spec->kind == OPTION_PROPERTIES && text_names_secret(argument->value, (size_t)name))
        return error_set(error,
                         "%s: %.*s is not taken on the command line, where others can read it: "
                         "set the environment variable %s to NAME=VALUE, or %s in the file of --config",
                         source, name, argument->value, option_env(spec, env), spec->name);
    return option_set_by_user(table, argument->row, source, argument->value, error);
}

bool command_line_set(const struct command_line *line, struct option_table *table, bool general,
                      struct error *error)
{
    table->pass++;
    for (size_t i = 0; i < line->count; i++)
        if (line->options[i].row->general == general && !set_argument(&line->options[i], table, error))
            return false;
    return true;
}
