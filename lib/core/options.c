#include "options.h"

#include "config_file.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_OPTIONS = 96, FIRST_LONG_CODE = 256 };

struct general_settings {
    bool help, version, print_config, print_options;
    const char *config;
};

static struct general_settings general;

static const struct option_spec general_specs[] = {
    {.name = "config",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct general_settings, config),
     .help = "read options from FILE: 'name = value' lines, also under [default], the program's name or a "
             "group's"},
    {.name = "print-config",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct general_settings, print_config),
     .help = "print the effective options as such a file and exit"},
    {.name = "print-options",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct general_settings, print_options),
     .help = "print the options as the manual page's source (scdoc) and exit"},
    {.name = "help",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct general_settings, help),
     .help = "print this help and exit"},
    {.name = "version",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct general_settings, version),
     .help = "print the version and exit"},
};

/* One row of the program's whole table, the general options last. */
struct row {
    const struct option_spec *spec;
    const struct option_group *group;
    const char *fallback;
    void *value;
    bool given;
};

static struct option_group all_groups[16];
static size_t all_group_count;
static struct row rows[MAX_OPTIONS];
static size_t row_count;

static void collect(const struct program *program)
{
    if (program->group_count + 1 > sizeof all_groups / sizeof *all_groups)
        abort();
    memcpy(all_groups, program->groups, program->group_count * sizeof *all_groups);
    all_group_count = program->group_count;
    all_groups[all_group_count++] = (struct option_group){
        "General", "general", general_specs, sizeof general_specs / sizeof *general_specs, &general};
    row_count = 0;
    for (size_t g = 0; g < all_group_count; g++)
        for (size_t i = 0; i < all_groups[g].count; i++) {
            const struct option_spec *spec = &all_groups[g].specs[i];
            if (row_count == MAX_OPTIONS)
                abort();
            rows[row_count++] = (struct row){spec, &all_groups[g], spec->fallback,
                                             (char *)all_groups[g].settings + spec->offset, false};
        }
    for (size_t d = 0; d < program->default_count; d++)
        for (size_t i = 0; i < row_count; i++)
            if (strcmp(rows[i].spec->name, program->defaults[d].name) == 0)
                rows[i].fallback = program->defaults[d].value;
}

static struct row *find(const char *name)
{
    for (size_t i = 0; i < row_count; i++)
        if (strcmp(rows[i].spec->name, name) == 0)
            return &rows[i];
    return NULL;
}

bool options_given(const char *name)
{
    const struct row *row = find(name);
    return row && row->given;
}

static char *env_name(const struct option_spec *spec, char name[static 64])
{
    snprintf(name, 64, "%s", spec->env ? spec->env : "ROOMSTREAM_");
    if (!spec->env) {
        size_t length = strlen(name);
        for (const char *c = spec->name; *c && length < 63; c++)
            name[length++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        name[length] = '\0';
    }
    return name;
}

static bool parse_flag(const char *text, bool *value)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return *value = true;
        if (strcasecmp(text, no[i]) == 0)
            return !(*value = false);
    }
    return false;
}

static bool out_of_bounds(const struct option_spec *spec, double value)
{
    return (spec->minimum != 0 || spec->maximum != 0) && (value < spec->minimum || value > spec->maximum);
}

/* `source` is how the user knows the option there: "--speed", "ROOMSTREAM_SPEED (environment)", "speed". */
static bool wrong_value(const struct option_spec *spec, const char *source, const char *text,
                        const char *wanted, struct error *error)
{
    if (spec->kind == OPTION_SECRET)
        return error_set(error, "%s: %s", source, wanted);
    if (spec->minimum != 0 || spec->maximum != 0)
        return error_set(error, "%s: '%s' is not %s from %.15g to %.15g", source, text, wanted, spec->minimum,
                         spec->maximum);
    return error_set(error, "%s: '%s' is not %s", source, text, wanted);
}

static bool parse_choice(const struct option_spec *spec, const char *source, const char *text, int *value,
                         struct error *error)
{
    char list[256] = "";
    for (int i = 0; spec->choices[i]; i++) {
        if (strcmp(spec->choices[i], text) == 0) {
            *value = i;
            return true;
        }
        size_t length = strlen(list);
        snprintf(list + length, sizeof list - length, "%s%s", i ? ", " : "", spec->choices[i]);
    }
    return error_set(error, "%s: '%s' is not one of %s", source, text, list);
}

static bool set(const struct row *row, const char *source, const char *text, struct error *error)
{
    const struct option_spec *spec = row->spec;
    double real = 0;
    switch (spec->kind) {
    case OPTION_FLAG:
        return parse_flag(text, row->value) || wrong_value(spec, source, text, "true or false", error);
    case OPTION_TEXT:
    case OPTION_SECRET: {
        char **value = row->value, *copy = strdup(text);
        if (!copy)
            return error_set(error, "out of memory");
        free(*value);
        *value = copy;
        return true;
    }
    case OPTION_PROPERTIES:
        if (!strchr(text, '=') || *text == '=')
            return wrong_value(spec, source, text, "NAME=VALUE", error);
        text_list_append(row->value, text);
        return true;
    case OPTION_LIST:
        text_list_append(row->value, text);
        return true;
    case OPTION_INTEGER: {
        int64_t number;
        if (!text_to_integer(text, &number) || out_of_bounds(spec, (double)number))
            return wrong_value(spec, source, text, "a whole number", error);
        *(int64_t *)row->value = number;
        return true;
    }
    case OPTION_REAL:
        if (!text_to_real(text, &real) || out_of_bounds(spec, real))
            return wrong_value(spec, source, text, "a number", error);
        *(double *)row->value = real;
        return true;
    case OPTION_DURATION: {
        int64_t ns;
        if (!text_to_duration(text, &ns) || out_of_bounds(spec, (double)ns / 1e9))
            return wrong_value(spec, source, text, "a duration such as 500ms, 10s or 2h", error);
        *(int64_t *)row->value = ns;
        return true;
    }
    case OPTION_SIZE: {
        int64_t bytes;
        if (!text_to_size(text, &bytes) || out_of_bounds(spec, (double)bytes))
            return wrong_value(spec, source, text, "a size such as 64K, 16M or 1G", error);
        *(int64_t *)row->value = bytes;
        return true;
    }
    case OPTION_CHOICE:
        return parse_choice(spec, source, text, row->value, error);
    }
    abort();
}

/* ---- the sources, lowest precedence first ---- */

static bool set_defaults(struct error *error)
{
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].fallback && !set(&rows[i], rows[i].spec->name, rows[i].fallback, error))
            return false;
    return true;
}

/* A source that sets a list replaces what lower sources put there; once per source. */
static void start_list(struct row *row, bool *started)
{
    if (row->spec->kind == OPTION_LIST && !started[row - rows])
        text_list_free(row->value);
    started[row - rows] = true;
}

struct file_context {
    const struct program *program;
    bool started[MAX_OPTIONS];
};

static bool file_entry(void *context, const char *section, const char *key, const char *value, int line,
                       struct error *error)
{
    struct file_context *file = context;
    const struct program *program = file->program;
    struct row *row = find(key);
    bool own =
        strcmp(section, program->name) == 0 || (program->family && strcmp(section, program->family) == 0);
    bool common = *section == '\0' || strcmp(section, "default") == 0;
    bool group = false;
    (void)line;
    for (size_t g = 0; g < all_group_count; g++)
        group = group || strcmp(section, all_groups[g].section) == 0;
    if (!own && !common && !group)
        return true; /* another program's section */
    if (!row && strchr(key, '.')) {
        char *property = NULL;
        for (size_t i = 0; i < row_count && !row; i++)
            if (rows[i].spec->dotted_keys)
                row = &rows[i];
        if (!row)
            return true; /* a Kafka property in a file shared with programs that do not speak Kafka */
        if (asprintf(&property, "%s=%s", key, value) < 0)
            return error_set(error, "out of memory");
        bool ok = set(row, key, property, error);
        free(property);
        return ok;
    }
    if (!row)
        return error_set(error, "%s has no option '%s'%s", program->name, key,
                         common ? "; options of a single program belong under [its name]" : "");
    if (row->group->settings == &general)
        return error_set(error, "'%s' makes sense on the command line only", key);
    start_list(row, file->started);
    row->given = true;
    return set(row, key, value, error);
}

static bool set_from_environment(struct error *error)
{
    for (size_t i = 0; i < row_count; i++) {
        char name[64], source[96];
        if (rows[i].group->settings == &general)
            continue;
        const char *value = getenv(env_name(rows[i].spec, name));
        if (!value || !*value)
            continue;
        bool started[MAX_OPTIONS] = {false};
        snprintf(source, sizeof source, "environment variable %s", name);
        start_list(&rows[i], started);
        rows[i].given = true;
        if (!set(&rows[i], source, value, error))
            return false;
    }
    return true;
}

struct argument {
    struct row *row;
    const char *value;
};

/* The command line as (row, value) pairs, in order. */
static bool read_arguments(int argc, char **argv, struct argument *arguments, size_t *count,
                           struct error *error)
{
    struct option longs[MAX_OPTIONS + 1] = {{0}};
    char shorts[2 * MAX_OPTIONS + 2] = ":";
    size_t long_count = 0;
    for (size_t i = 0; i < row_count; i++) {
        const struct option_spec *spec = rows[i].spec;
        if (spec->kind == OPTION_SECRET)
            continue;
        int has_argument = spec->kind == OPTION_FLAG ? no_argument : required_argument;
        longs[long_count++] = (struct option){spec->name, has_argument, NULL, FIRST_LONG_CODE + (int)i};
        if (spec->letter) {
            size_t length = strlen(shorts);
            snprintf(shorts + length, sizeof shorts - length, "%c%s", spec->letter, has_argument ? ":" : "");
        }
    }
    opterr = 0;
    optind = 1;
    *count = 0;
    for (;;) {
        int code = getopt_long(argc, argv, shorts, longs, NULL);
        if (code == -1)
            break;
        if (code == ':')
            return error_set(error, "option '%s' needs a value", argv[optind - 1]);
        if (code == '?') {
            if (optopt && optopt < FIRST_LONG_CODE)
                return error_set(error, "unknown option '-%c'", optopt);
            return error_set(error, "option '%s' is unknown, ambiguous, or takes no value", argv[optind - 1]);
        }
        struct row *row = NULL;
        if (code >= FIRST_LONG_CODE)
            row = &rows[code - FIRST_LONG_CODE];
        for (size_t i = 0; i < row_count && !row; i++)
            if (rows[i].spec->letter == code)
                row = &rows[i];
        arguments[(*count)++] = (struct argument){row, optarg ? optarg : "true"};
    }
    if (optind < argc)
        return error_set(error, "'%s' is not an option: values follow an option, as in --name VALUE",
                         argv[optind]);
    return true;
}

static bool set_from_arguments(const struct argument *arguments, size_t count, struct error *error)
{
    bool started[MAX_OPTIONS] = {false};
    for (size_t i = 0; i < count; i++) {
        char source[80];
        struct row *row = arguments[i].row;
        snprintf(source, sizeof source, "--%s", row->spec->name);
        start_list(row, started);
        row->given = true;
        if (!set(row, source, arguments[i].value, error))
            return false;
    }
    return true;
}

/* ---- what is printed ---- */

/* Prints text in lines of at most `width` columns, each but the first after `indent` spaces. */
static void print_wrapped(const char *text, size_t indent, size_t width)
{
    size_t column = indent;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (column > indent && column + 1 + word > width) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)word, text);
        column += word;
        text += word;
        if (*text == '\n' && text[1] == '\n') {
            printf("\n\n%*s", (int)indent, "");
            column = indent;
        }
        text += strspn(text, " \n");
    }
    putchar('\n');
}

/* The environment variable, the choices and the default are told from the table, so that help texts need not.
 */
static void describe(const struct row *row, char *text, size_t size)
{
    char name[64];
    size_t length = (size_t)snprintf(text, size, "%s", row->spec->help);
    if (row->fallback && row->spec->kind != OPTION_FLAG)
        length += (size_t)snprintf(text + length, size - length, " (default: %s)", row->fallback);
    if (row->spec->env || row->spec->kind == OPTION_SECRET)
        snprintf(text + length, size - length, " [%s]", env_name(row->spec, name));
}

static void print_help(const struct program *program)
{
    printf("Usage: %s %s\n", program->name, program->usage);
    print_wrapped(program->summary, 0, 100);
    if (program->details) {
        putchar('\n');
        print_wrapped(program->details, 0, 100);
    }
    for (size_t i = 0; i < row_count; i++) {
        const struct option_spec *spec = rows[i].spec;
        char head[64], text[512];
        if (i == 0 || rows[i].group != rows[i - 1].group)
            printf("\n%s:\n", rows[i].group->title);
        if (spec->kind == OPTION_SECRET)
            snprintf(head, sizeof head, "  (%s)", spec->name);
        else
            snprintf(head, sizeof head, "  %c%c%c --%s%s%s", spec->letter ? '-' : ' ',
                     spec->letter ? spec->letter : ' ', spec->letter ? ',' : ' ', spec->name,
                     spec->argument ? " " : "", spec->argument ? spec->argument : "");
        printf("%-30s%s", head, strlen(head) >= 30 ? "\n                              " : "");
        describe(&rows[i], text, sizeof text);
        print_wrapped(text, 30, 100);
    }
    printf("\nEvery option but the general ones can also be set in the environment as ROOMSTREAM_NAME "
           "(unless a\n"
           "variable is given in brackets), or in the file of --config. The command line wins, then the "
           "environment.\n");
}

static void print_value(const struct row *row)
{
    switch (row->spec->kind) {
    case OPTION_FLAG:
        printf("%s = %s\n", row->spec->name, *(bool *)row->value ? "true" : "false");
        break;
    case OPTION_TEXT:
        if (*(char **)row->value)
            printf("%s = %s\n", row->spec->name, *(char **)row->value);
        break;
    case OPTION_SECRET:
        if (*(char **)row->value)
            printf("# %s is set (not shown)\n", row->spec->name);
        break;
    case OPTION_LIST:
    case OPTION_PROPERTIES: {
        const struct text_list *list = row->value;
        for (size_t i = 0; i < list->count; i++) {
            int name = (int)strcspn(list->items[i], "=");
            if (row->spec->kind == OPTION_PROPERTIES &&
                (memmem(list->items[i], (size_t)name, "password", 8) ||
                 memmem(list->items[i], (size_t)name, "secret", 6) ||
                 memmem(list->items[i], (size_t)name, "jaas", 4)))
                printf("# %s %.*s is set (not shown)\n", row->spec->name, name, list->items[i]);
            else
                printf("%s = %s\n", row->spec->name, list->items[i]);
        }
        break;
    }
    case OPTION_INTEGER:
        printf("%s = %" PRId64 "\n", row->spec->name, *(int64_t *)row->value);
        break;
    case OPTION_REAL:
        printf("%s = %.15g\n", row->spec->name, *(double *)row->value);
        break;
    case OPTION_DURATION:
        printf("%s = %.15gs\n", row->spec->name, (double)*(int64_t *)row->value / 1e9);
        break;
    case OPTION_SIZE:
        printf("%s = %" PRId64 "\n", row->spec->name, *(int64_t *)row->value);
        break;
    case OPTION_CHOICE:
        printf("%s = %s\n", row->spec->name, row->spec->choices[*(int *)row->value]);
        break;
    }
}

static void print_config(void)
{
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].group->settings != &general)
            print_value(&rows[i]);
}

static void print_scdoc_text(const char *text)
{
    for (; *text; text++) {
        if (strchr("_*\\<[#~", *text))
            putchar('\\');
        putchar(*text);
    }
}

static void print_options(void)
{
    for (size_t i = 0; i < row_count; i++) {
        const struct option_spec *spec = rows[i].spec;
        char text[512];
        if (i == 0 || rows[i].group != rows[i - 1].group)
            printf("## %s\n\n", rows[i].group->title);
        if (spec->kind == OPTION_SECRET)
            printf("%s", spec->name);
        else if (spec->letter)
            printf("*-%c*, *--%s*", spec->letter, spec->name);
        else
            printf("*--%s*", spec->name);
        if (spec->argument)
            printf(" _%s_", spec->argument);
        describe(&rows[i], text, sizeof text);
        printf("\n\t");
        print_scdoc_text(text);
        printf("\n\n");
    }
}

enum options_result options_parse(const struct program *program, int argc, char **argv, struct error *error)
{
    struct argument *arguments = calloc((size_t)argc + 1, sizeof *arguments);
    struct file_context file = {program, {false}};
    size_t count = 0;
    bool ok = arguments || error_set(error, "out of memory");
    general = (struct general_settings){0};
    collect(program);
    ok = ok && set_defaults(error) && read_arguments(argc, argv, arguments, &count, error);
    for (size_t i = 0; ok && i < count; i++)
        if (arguments[i].row->group->settings == &general)
            ok = set(arguments[i].row, arguments[i].row->spec->name, arguments[i].value, error);
    const char *config = general.config ? general.config : getenv("ROOMSTREAM_CONFIG");
    bool served = ok && (general.help || general.version || general.print_options);
    ok = ok && (served || !config || !*config || config_file_read(config, file_entry, &file, error));
    ok = ok && (served || (set_from_environment(error) && set_from_arguments(arguments, count, error)));
    free(arguments);
    if (!ok)
        return OPTIONS_WRONG;
    if (general.help)
        print_help(program);
    else if (general.version)
        printf("%s (roomstream) %s\n", program->name, ROOMSTREAM_VERSION);
    else if (general.print_options)
        print_options();
    else if (general.print_config)
        print_config();
    else
        return OPTIONS_RUN;
    return OPTIONS_DONE;
}

_Noreturn void options_wrong(const struct program *program, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: ", program->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry '%s --help'.\n", program->name);
    exit(EXIT_WRONG_USE);
}

void options_parse_or_exit(const struct program *program, int argc, char **argv)
{
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
