#include "options.h"

#include "config_file.h"
#include "options_table.h"
#include "options_warnings.h"
#include "out_of_memory.h"
#include "properties_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { FIRST_LONG_CODE = 256 };

struct general_settings {
    bool help, version, print_config, print_options;
    const char *config;
};

static struct general_settings general;

static const struct option_spec general_specs[] = {
    {.name = "config",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .env = "ROOMSTREAM_CONFIG",
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

static const struct option_group general_group = {"General", "general", general_specs,
                                                  sizeof general_specs / sizeof *general_specs, &general};

static struct option_table table;

/* ---- the table ---- */

static struct option_row *find(const char *name)
{
    for (size_t i = 0; i < table.count; i++)
        if (strcmp(table.rows[i].spec->name, name) == 0)
            return &table.rows[i];
    return NULL;
}

static struct option_row *find_by_property(const char *name)
{
    for (size_t i = 0; i < table.count; i++)
        if (table.rows[i].spec->property && strcmp(table.rows[i].spec->property, name) == 0)
            return &table.rows[i];
    return NULL;
}

static struct option_row *find_letter(int letter)
{
    for (size_t i = 0; i < table.count; i++)
        if (table.rows[i].spec->letter == letter)
            return &table.rows[i];
    return NULL;
}

static struct option_row *find_dotted_keys(void)
{
    for (size_t i = 0; i < table.count; i++)
        if (table.rows[i].spec->dotted_keys)
            return &table.rows[i];
    return NULL;
}

static struct option_row *find_properties_file(void)
{
    for (size_t i = 0; i < table.count; i++)
        if (table.rows[i].spec->properties_file)
            return &table.rows[i];
    return NULL;
}

static void collect_group(const struct option_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct option_spec *spec = &group->specs[i];
        if (table.count == OPTIONS_MAX || find(spec->name) || (spec->letter && find_letter(spec->letter)))
            abort();
        table.rows[table.count++] = (struct option_row){.spec = spec,
                                                        .group = group,
                                                        .fallback = spec->fallback,
                                                        .value = (char *)group->settings + spec->offset,
                                                        .general = group == &general_group};
    }
}

static void collect(const struct program *program)
{
    free((void *)general.config);
    general = (struct general_settings){0};
    text_list_free(&table.ignored_sections);
    options_forget_warnings();
    table.count = 0;
    for (size_t i = 0; i < program->group_count; i++)
        collect_group(&program->groups[i]);
    collect_group(&general_group);
    for (size_t i = 0; i < program->default_count; i++) {
        struct option_row *row = find(program->defaults[i].name);
        if (!row)
            abort();
        row->fallback = program->defaults[i].value;
    }
}

bool options_given(const char *name)
{
    const struct option_row *row = find(name);
    return row && row->given;
}

void options_write(const char *section, const char *const *except, FILE *out)
{
    options_print_section(&table, section, except, out);
}

const char *option_env(const struct option_spec *spec, char name[static OPTION_ENV_SIZE])
{
    size_t length = (size_t)snprintf(name, OPTION_ENV_SIZE, "%s", spec->env ? spec->env : "ROOMSTREAM_");
    for (const char *c = spec->name; !spec->env && *c && length < OPTION_ENV_SIZE - 1; c++)
        name[length++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    name[length] = '\0';
    return name;
}

/* ---- one value ----
 * `source` is how the user knows the option there: "--speed", "environment variable ROOMSTREAM_SPEED",
 * "FILE:LINE: speed". */

static bool parse_flag(const char *text, bool *value)
{
    static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int meaning = 0; meaning < 2; meaning++)
            if (strcasecmp(text, words[i][meaning]) == 0) {
                *value = meaning;
                return true;
            }
    return false;
}

static bool bounded_above(const struct option_spec *spec)
{
    return spec->maximum > spec->minimum;
}

static bool within_bounds(const struct option_spec *spec, double value)
{
    bool bounded_below = spec->minimum != 0 || bounded_above(spec);
    return !(bounded_below && value < spec->minimum) && !(bounded_above(spec) && value > spec->maximum);
}

static bool wrong_value(const struct option_spec *spec, const char *source, const char *text,
                        const char *wanted, struct error *error)
{
    const char *unit = spec->kind == OPTION_DURATION ? " seconds" : spec->kind == OPTION_SIZE ? " bytes" : "";
    const char *cut = strlen(text) > 100 ? "..." : "";
    if (bounded_above(spec))
        return error_set(error, "%s: '%.100s%s' is not %s from %.16g to %.16g%s", source, text, cut, wanted,
                         spec->minimum, spec->maximum, unit);
    if (spec->minimum != 0)
        return error_set(error, "%s: '%.100s%s' is not %s of at least %.16g%s", source, text, cut, wanted,
                         spec->minimum, unit);
    return error_set(error, "%s: '%.100s%s' is not %s", source, text, cut, wanted);
}

static bool set_text(const char **value, const char *text)
{
    const char *copy = strdup(text);
    if (!copy)
        out_of_memory(strlen(text) + 1);
    free((void *)*value);
    *value = copy;
    return true;
}

static bool set(struct option_row *row, const char *source, const char *text, struct error *error);

/* One that is also an option of its own sets that. */
static bool add_property(const struct option_row *row, const struct property *property, struct error *error)
{
    struct option_row *own = row->spec->dotted_keys ? find_by_property(property->name) : NULL;
    if (own) {
        own->given = true;
        return set(own, property->origin, property->value, error);
    }
    property_list_append(row->value, property);
    return true;
}

static bool set_property(const struct option_row *row, const char *source, const char *text,
                         struct error *error)
{
    if (!strchr(text, '=') || *text == '=') {
        if (text_names_secret(text, strlen(text)))
            return error_set(error, "%s: not NAME=VALUE (not shown: it may be a secret)", source);
        return wrong_value(row->spec, source, text, "NAME=VALUE", error);
    }
    char *name = strdup(text);
    if (!name)
        out_of_memory(strlen(text) + 1);
    char *equals = strchr(name, '=');
    *equals = '\0';
    const struct property property = {.name = name, .value = equals + 1, .origin = source};
    bool ok = add_property(row, &property, error);
    free(name);
    return ok;
}

static bool set_choice(const struct option_row *row, const char *source, const char *text,
                       struct error *error)
{
    char wanted[256] = "one of ";
    for (int i = 0; row->spec->choices[i]; i++) {
        if (strcmp(row->spec->choices[i], text) == 0) {
            *(int *)row->value = i;
            return true;
        }
        size_t length = strlen(wanted);
        snprintf(wanted + length, sizeof wanted - length, "%s%s", i ? ", " : "", row->spec->choices[i]);
    }
    return wrong_value(row->spec, source, text, wanted, error);
}

static bool set(struct option_row *row, const char *source, const char *text, struct error *error)
{
    const struct option_spec *spec = row->spec;
    int64_t number;
    double real;
    switch (spec->kind) {
    case OPTION_FLAG:
        return parse_flag(text, row->value) || wrong_value(spec, source, text, "true or false", error);
    case OPTION_TEXT:
    case OPTION_SECRET:
        return set_text(row->value, text);
    case OPTION_LIST:
        text_list_append(row->value, text);
        return true;
    case OPTION_PROPERTIES:
        return set_property(row, source, text, error);
    case OPTION_INTEGER:
        if (!text_to_integer(text, &number) || !within_bounds(spec, (double)number))
            return wrong_value(spec, source, text, "a whole number", error);
        *(int64_t *)row->value = number;
        return true;
    case OPTION_REAL:
        if (!text_to_real(text, &real) || !within_bounds(spec, real))
            return wrong_value(spec, source, text, "a number", error);
        *(double *)row->value = real;
        return true;
    case OPTION_DURATION:
        if (!text_to_duration(text, &number) || !within_bounds(spec, (double)number / 1e9))
            return wrong_value(spec, source, text, "a duration such as 500ms, 10s or 2h", error);
        *(int64_t *)row->value = number;
        return true;
    case OPTION_SIZE:
        if (!text_to_size(text, &number) || !within_bounds(spec, (double)number))
            return wrong_value(spec, source, text, "a size such as 64K, 16M or 1G", error);
        *(int64_t *)row->value = number;
        return true;
    case OPTION_CHOICE:
        return set_choice(row, source, text, error);
    }
    abort();
}

/* ---- the sources, lowest precedence first ---- */

static bool set_defaults(struct error *error)
{
    for (size_t i = 0; i < table.count; i++) {
        struct option_row *row = &table.rows[i];
        if (row->fallback && !set(row, row->spec->name, row->fallback, error))
            return false;
    }
    return true;
}

/* Which lists one source has begun: it replaces what lower sources put there, then adds. */
struct begun {
    bool rows[OPTIONS_MAX];
};

static bool set_by_user(struct option_row *row, struct begun *begun, const char *source, const char *text,
                        struct error *error)
{
    bool *begun_here = &begun->rows[row - table.rows];
    if (row->spec->kind == OPTION_LIST && !*begun_here)
        text_list_free(row->value);
    *begun_here = true;
    row->given = true;
    return set(row, source, text, error);
}

/* The sections of a configuration file, in order of rising precedence. */
enum section { SECTION_DEFAULT, SECTION_GROUP, SECTION_FAMILY, SECTION_PROGRAM, SECTION_OF_OTHERS };

static enum section classify(const struct program *program, const char *name)
{
    if (strcmp(name, program->name) == 0)
        return SECTION_PROGRAM;
    if (program->family && strcmp(name, program->family) == 0)
        return SECTION_FAMILY;
    if (*name == '\0' || strcmp(name, "default") == 0)
        return SECTION_DEFAULT;
    for (size_t i = 0; i < program->group_count; i++)
        if (strcmp(name, program->groups[i].section) == 0)
            return SECTION_GROUP;
    return SECTION_OF_OTHERS;
}

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* `where` is "FILE:LINE". */
static bool set_entry(const struct program *program, const struct config_entry *entry, const char *where,
                      enum section section, struct begun *begun, struct error *error)
{
    struct option_row *row = find(entry->key);
    if (entry->key[strspn(entry->key, NAME_CHARACTERS)])
        return error_set(error,
                         "%s: what stands before '=' is no name of an option (it is not shown: it may hold a "
                         "secret); a line is 'name = value'",
                         where);
    bool dotted = !row && strchr(entry->key, '.');
    char source[2048];
    if (dotted)
        row = find_dotted_keys();
    if (!row && dotted && section == SECTION_DEFAULT)
        return true; /* a Kafka property in a file shared with programs that do not speak Kafka */
    if (!row)
        return error_set(error, "%s: %s has no option '%s'%s", where, program->name, entry->key,
                         section == SECTION_DEFAULT
                             ? ": options that not all programs have belong under [the program's name]"
                             : "");
    if (row->general)
        return error_set(error, "%s: '%s' makes sense on the command line only", where, entry->key);
    if (section == SECTION_GROUP && strcmp(row->group->section, entry->section) != 0)
        return error_set(error, "%s: '%s' does not belong under [%s] but under [%s]", where, entry->key,
                         entry->section, row->group->section);
    snprintf(source, sizeof source, "%s: %s", where, entry->key);
    if (!dotted)
        return set_by_user(row, begun, source, entry->value, error);
    row->given = true;
    return add_property(row, &(struct property){entry->key, entry->value, .origin = where}, error);
}

static void note_ignored_sections(const struct program *program, const struct config_file *file)
{
    const char *last = "";
    for (size_t i = 0; i < file->count; i++) {
        const char *name = file->entries[i].section;
        if (strcmp(name, last) != 0 && classify(program, name) == SECTION_OF_OTHERS)
            text_list_append(&table.ignored_sections, name);
        last = name;
    }
}

static void check_rights(const char *path, const struct config_file *file)
{
    static const char of_path[] = "-file";
    bool secret = false;
    for (size_t i = 0; i < file->count; i++) {
        const char *key = file->entries[i].key;
        size_t length = strlen(key), end = strlen(of_path);
        bool names_file = length > end && strcmp(key + length - end, of_path) == 0;
        secret |= !names_file && *file->entries[i].value && text_names_secret(key, length);
    }
    options_check_rights(path, secret);
}

static bool set_from_file(const struct program *program, const char *path, struct error *error)
{
    struct config_file file;
    if (!config_file_read(path, &file, error))
        return false;
    check_rights(path, &file);
    char where[1024];
    bool ok = true;
    for (enum section section = SECTION_DEFAULT; section < SECTION_OF_OTHERS; section++) {
        struct begun begun = {{false}};
        for (size_t i = 0; ok && i < file.count; i++) {
            const struct config_entry *entry = &file.entries[i];
            if (classify(program, entry->section) != section)
                continue;
            snprintf(where, sizeof where, "%s:%d", path, entry->line);
            ok = set_entry(program, entry, where, section, &begun, error);
        }
    }
    note_ignored_sections(program, &file);
    config_file_free(&file);
    return ok;
}

static bool is_default(const char *section)
{
    return *section == '\0' || strcmp(section, "default") == 0;
}

/* What of the file is also an option of its own goes before nothing but the default. */
static bool add_file_entry(const struct config_entry *entry, const char *where, struct property_list *list,
                           struct error *error)
{
    struct option_row *own = is_default(entry->section) ? find_by_property(entry->key) : NULL;
    if (own && own->given)
        return true;
    if (own)
        return set(own, where, entry->value, error);
    const char *section = is_default(entry->section) ? "" : entry->section;
    property_list_append(list, &(struct property){entry->key, entry->value, where, section, entry->escaped});
    return true;
}

/* Sections come after what stands in none. */
static bool add_file_entries(const char *path, const struct config_file *file, struct property_list *list,
                             struct error *error)
{
    char where[1024];
    for (int of_sections = 0; of_sections < 2; of_sections++)
        for (size_t i = 0; i < file->count; i++) {
            const struct config_entry *entry = &file->entries[i];
            snprintf(where, sizeof where, "%s:%d", path, entry->line);
            if (is_default(entry->section) == !of_sections && !add_file_entry(entry, where, list, error))
                return false;
        }
    return true;
}

/* Every other source goes before a properties file: it is read last, and put in front. */
static bool set_from_properties_file(struct error *error)
{
    const struct option_row *row = find_properties_file();
    struct option_row *properties = find_dotted_keys();
    const char *path = row ? *(const char **)row->value : NULL;
    struct property_list all = {0};
    struct config_file file;
    if (!path || !*path || !properties)
        return true;
    if (!properties_file_read(path, &file, error))
        return false;
    check_rights(path, &file);
    bool ok = add_file_entries(path, &file, &all, error);
    struct property_list *others = properties->value;
    for (size_t i = 0; i < others->count; i++)
        property_list_append(&all, &others->items[i]);
    property_list_free(others);
    *others = all;
    properties->given = all.count > 0;
    config_file_free(&file);
    return ok;
}

/* A list has one value a line. */
static bool set_lines(struct option_row *row, struct begun *begun, const char *source, const char *text,
                      struct error *error)
{
    char *copy = strdup(text), *rest = copy, *line;
    bool ok = true;
    if (!copy)
        out_of_memory(strlen(text) + 1);
    while (ok && (line = strsep(&rest, "\n")))
        ok = *line == '\0' || set_by_user(row, begun, source, line, error);
    free(copy);
    return ok;
}

static bool set_from_environment(struct error *error)
{
    struct begun begun = {{false}};
    for (size_t i = 0; i < table.count; i++) {
        struct option_row *row = &table.rows[i];
        char name[OPTION_ENV_SIZE], source[OPTION_ENV_SIZE + 32];
        const char *value = row->general ? NULL : getenv(option_env(row->spec, name));
        bool list = row->spec->kind == OPTION_LIST || row->spec->kind == OPTION_PROPERTIES;
        if (!value || !*value || options_is_service_link(name, value))
            continue;
        snprintf(source, sizeof source, "environment variable %s", name);
        if (!(list ? set_lines : set_by_user)(row, &begun, source, value, error))
            return false;
    }
    return true;
}

/* ---- the command line ---- */

struct argument {
    struct option_row *row;
    const char *value;
};

struct arguments {
    struct argument *items; /* in order; room for as many as there are bytes in argv */
    size_t count;
};

/* `word` is --NAME or --NAME=VALUE. The value is not shown: it may be a password. */
static bool unknown_long(const char *word, struct error *error)
{
    const char *name = word + 2, *near = NULL;
    size_t length = strcspn(name, "=");
    char env[OPTION_ENV_SIZE];
    for (size_t i = 0; i < table.count; i++) {
        const struct option_spec *spec = table.rows[i].spec;
        if (strncmp(spec->name, name, length) != 0)
            continue;
        if (spec->kind != OPTION_SECRET)
            near = near ? near : spec->name;
        else if (spec->name[length] == '\0')
            return error_set(error,
                             "--%s is not taken on the command line, where others can read it: set the "
                             "environment variable %s, or %s in the file of --config",
                             spec->name, option_env(spec, env), spec->name);
    }
    return error_set(error, "unknown option '--%.*s'%s%s%s", (int)length, name,
                     near ? "; did you mean '--" : "", near ? near : "", near ? "'?" : "");
}

/* What getopt_long complains about at `word`. */
static bool usage_error(int code, const char *word, struct error *error)
{
    bool is_long = strncmp(word, "--", 2) == 0;
    const struct option_row *row = NULL;
    if (optopt >= FIRST_LONG_CODE)
        row = &table.rows[optopt - FIRST_LONG_CODE];
    else if (code == ':')
        row = find_letter(optopt);
    if (row && code == '?')
        return error_set(error, "option '--%s' takes no value", row->spec->name);
    if (row && is_long)
        return error_set(error, "option '--%s' needs a value: %s", row->spec->name, row->spec->argument);
    if (row)
        return error_set(error, "option '-%c' needs a value: %s", row->spec->letter, row->spec->argument);
    if (is_long)
        return unknown_long(word, error);
    return error_set(error, "unknown option '-%c'", isgraph((unsigned char)optopt) ? optopt : '?');
}

static bool read_arguments(int argc, char **argv, struct arguments *arguments, struct error *error)
{
    struct option longs[OPTIONS_MAX + 1] = {{0}};
    char shorts[2 * OPTIONS_MAX + 3] =
        "+:"; /* no reordering; a missing value is told from an unknown option */
    size_t length = strlen(shorts), long_count = 0;
    for (size_t i = 0; i < table.count; i++) {
        const struct option_spec *spec = table.rows[i].spec;
        if (spec->kind == OPTION_SECRET)
            continue;
        bool flag = spec->kind == OPTION_FLAG;
        longs[long_count++] = (struct option){spec->name, flag ? no_argument : required_argument, NULL,
                                              FIRST_LONG_CODE + (int)i};
        if (spec->letter)
            shorts[length++] = spec->letter;
        if (spec->letter && !flag)
            shorts[length++] = ':';
    }
    shorts[length] = '\0';
    opterr = 0;
    optind = 0; /* glibc: start afresh, at 1 */
    for (;;) {
        const char *word = argv[optind ? optind : 1];
        int code = getopt_long(argc, argv, shorts, longs, NULL);
        if (code == -1)
            break;
        if (code == ':' || code == '?')
            return usage_error(code, word, error);
        struct option_row *row =
            code >= FIRST_LONG_CODE ? &table.rows[code - FIRST_LONG_CODE] : find_letter(code);
        if (code >= FIRST_LONG_CODE && strcspn(word + 2, "=") != strlen(row->spec->name))
            return unknown_long(word, error);
        arguments->items[arguments->count++] = (struct argument){row, optarg ? optarg : "true"};
    }
    if (optind < argc)
        return error_set(error, "'%.100s' is not an option: values follow an option, as in --name VALUE",
                         argv[optind]);
    return true;
}

static bool set_argument(const struct argument *argument, struct begun *begun, struct error *error)
{
    const struct option_spec *spec = argument->row->spec;
    char source[80], env[OPTION_ENV_SIZE];
    int name = (int)strcspn(argument->value, "=");
    snprintf(source, sizeof source, "--%s", spec->name);
    if (spec->kind == OPTION_PROPERTIES && text_names_secret(argument->value, (size_t)name))
        return error_set(
            error,
            "%s: %.*s is not taken on the command line, where others can read it: set the environment "
            "variable %s to NAME=VALUE, or %s in the file of --config",
            source, name, argument->value, option_env(spec, env), spec->name);
    return set_by_user(argument->row, begun, source, argument->value, error);
}

/* The general options come before all others: they say which file to read, if any. */
static bool set_from_arguments(const struct arguments *arguments, bool general_ones, struct error *error)
{
    struct begun begun = {{false}};
    for (size_t i = 0; i < arguments->count; i++)
        if (arguments->items[i].row->general == general_ones &&
            !set_argument(&arguments->items[i], &begun, error))
            return false;
    return true;
}

static bool parse(const struct program *program, int argc, char **argv, struct arguments *arguments,
                  struct error *error)
{
    if (!set_defaults(error) || !read_arguments(argc, argv, arguments, error) ||
        !set_from_arguments(arguments, true, error))
        return false;
    if (general.help || general.version || general.print_options)
        return true;
    const char *config = general.config, *from_environment = getenv("ROOMSTREAM_CONFIG");
    if (!config && from_environment && *from_environment)
        config = from_environment;
    return (!config || set_from_file(program, config, error)) && set_from_environment(error) &&
           set_from_arguments(arguments, false, error) && set_from_properties_file(error);
}

enum options_result options_parse(const struct program *program, int argc, char **argv, struct error *error)
{
    size_t room = 1;
    for (int i = 1; i < argc; i++)
        room += strlen(argv[i]);
    struct arguments arguments = {calloc(room, sizeof *arguments.items), 0};
    if (!arguments.items)
        out_of_memory(room * sizeof *arguments.items);
    collect(program);
    bool ok = parse(program, argc, argv, &arguments, error);
    free(arguments.items);
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
    fprintf(stderr, "%s: ", program->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry '%s --help'.\n", program->name);
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
