#include "print.h"

#include "property_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_WIDTH = 80, HELP_COLUMN = 30, DESCRIPTION_SIZE = 1024 };

/* The option's help with what the table knows besides: its default, and its environment variable where that
 * does not follow from the name or is the usual way. */
static const char *describe(const struct option_row *row, char text[static DESCRIPTION_SIZE])
{
    const struct option_spec *spec = row->spec;
    const char *fallback = spec->kind == OPTION_FLAG ? NULL : row->fallback;
    bool show_env = spec->env || spec->kind == OPTION_SECRET;
    char env[OPTION_ENV_SIZE];
    snprintf(text, DESCRIPTION_SIZE, "%s%s%s%s%s%s%s", spec->help, fallback ? " (default: " : "",
             fallback ? fallback : "", fallback ? ")" : "", show_env ? " [" : "",
             show_env ? option_env(spec, env) : "", show_env ? "]" : "");
    return text;
}

static bool starts_group(const struct option_table *table, size_t i)
{
    return i == 0 || table->rows[i].group != table->rows[i - 1].group;
}

/* ---- --help ---- */

/* Prints text in lines of at most LINE_WIDTH columns, each but the first after `indent` spaces. */
static void print_wrapped(const char *text, size_t indent)
{
    size_t column = indent;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (column > indent && column + 1 + word > LINE_WIDTH) {
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

static void print_help_row(const struct option_row *row)
{
    const struct option_spec *spec = row->spec;
    char head[80], text[DESCRIPTION_SIZE];
    if (spec->kind == OPTION_SECRET)
        snprintf(head, sizeof head, "      (%s)", spec->name);
    else
        snprintf(head, sizeof head, "  %c%c%c --%s%s%s", spec->letter ? '-' : ' ',
                 spec->letter ? spec->letter : ' ', spec->letter ? ',' : ' ', spec->name,
                 spec->argument ? " " : "", spec->argument ? spec->argument : "");
    if (strlen(head) + 2 <= HELP_COLUMN)
        printf("%-*s", HELP_COLUMN, head);
    else
        printf("%s\n%*s", head, HELP_COLUMN, "");
    print_wrapped(describe(row, text), HELP_COLUMN);
}

void options_print_help(const struct program *program, const struct option_table *table)
{
    printf("Usage: %s %s\n", program->name, program->usage);
    print_wrapped(program->summary, 0);
    if (program->details) {
        putchar('\n');
        print_wrapped(program->details, 0);
    }
    for (size_t i = 0; i < table->count; i++) {
        if (starts_group(table, i))
            printf("\n%s:\n", table->rows[i].group->title);
        print_help_row(&table->rows[i]);
    }
    putchar('\n');
    print_wrapped(
        "Every option but the general ones can also be set in the environment, "
        "as ROOMSTREAM_NAME unless another variable stands in brackets, or in the file of --config. "
        "The command line wins, then the environment, then the file.",
        0);
}

/* ---- --print-config ---- */

struct unit {
    const char *name;
    int64_t factor;
};

/* In the largest unit that leaves a whole number: exact, and what text_to_duration and text_to_size read. */
static void print_in_units(FILE *out, int64_t value, const struct unit *units)
{
    while (value == 0 ? units->factor > 1 : value % units->factor != 0)
        units++;
    fprintf(out, "%" PRId64 "%s\n", value / units->factor, units->name);
}

static void print_duration(FILE *out, int64_t ns)
{
    static const struct unit units[] = {{"d", INT64_C(86400000000000)},
                                        {"h", INT64_C(3600000000000)},
                                        {"m", INT64_C(60000000000)},
                                        {"s", 1000000000},
                                        {"ms", 1000000},
                                        {"us", 1000},
                                        {"ns", 1}};
    print_in_units(out, ns, units);
}

static void print_size(FILE *out, int64_t bytes)
{
    static const struct unit units[] = {
        {"T", INT64_C(1) << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
    print_in_units(out, bytes, units);
}

/* In as few digits as give the same number back. */
static void print_real(FILE *out, double value)
{
    char text[40];
    int digits = 15;
    do
        snprintf(text, sizeof text, "%.*g", digits, value);
    while (digits++ < 17 && strtod(text, NULL) != value);
    fprintf(out, "%s\n", text);
}

static void print_text(FILE *out, const char *name, const char *value)
{
    size_t length = strlen(value);
    bool blank_ends = length > 0 && (strchr(" \t", value[0]) || strchr(" \t", value[length - 1]));
    if (blank_ends || strpbrk(value, "\r\n"))
        fprintf(out, "# %s: its value cannot stand in a file: it has line breaks, or blanks at an end\n",
                name);
    else
        fprintf(out, "%s = %s\n", name, value);
}

static void print_list(FILE *out, const struct option_row *row)
{
    const struct text_list *list = row->value;
    for (size_t i = 0; i < list->count; i++)
        print_text(out, row->spec->name, list->items[i]);
}

static void print_property(FILE *out, const char *name, const struct property *property)
{
    char *text = NULL;
    if (text_names_secret(property->name, strlen(property->name)))
        fprintf(out, "# %s %s is set (not shown)\n", name, property->name);
    else if (asprintf(&text, "%s=%s", property->name, property->value) >= 0)
        print_text(out, name, text);
    free(text);
}

/* Without those of a properties file: its name is printed. */
static void print_properties(FILE *out, const struct option_row *row)
{
    const struct property_list *list = row->value;
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].section)
            print_property(out, row->spec->name, &list->items[i]);
}

static void print_value(FILE *out, const struct option_row *row)
{
    const struct option_spec *spec = row->spec;
    bool unset = !row->given && !row->fallback; /* zero, which may be out of the bounds */
    if (unset && spec->kind != OPTION_FLAG)
        return;
    switch (spec->kind) {
    case OPTION_TEXT:
        print_text(out, spec->name, *(const char **)row->value);
        return;
    case OPTION_SECRET:
        fprintf(out, "# %s is set (not shown)\n", spec->name);
        return;
    case OPTION_LIST:
        print_list(out, row);
        return;
    case OPTION_PROPERTIES:
        print_properties(out, row);
        return;
    case OPTION_FLAG:
        fprintf(out, "%s = %s\n", spec->name, *(bool *)row->value ? "true" : "false");
        return;
    case OPTION_INTEGER:
        fprintf(out, "%s = %" PRId64 "\n", spec->name, *(int64_t *)row->value);
        return;
    case OPTION_CHOICE:
        fprintf(out, "%s = %s\n", spec->name, spec->choices[*(int *)row->value]);
        return;
    case OPTION_REAL:
    case OPTION_DURATION:
    case OPTION_SIZE:
        fprintf(out, "%s = ", spec->name);
        if (spec->kind == OPTION_REAL)
            print_real(out, *(double *)row->value);
        else if (spec->kind == OPTION_DURATION)
            print_duration(out, *(int64_t *)row->value);
        else
            print_size(out, *(int64_t *)row->value);
        return;
    }
}

void options_print_config(const struct option_table *table)
{
    for (size_t i = 0; i < table->ignored_sections.count; i++)
        printf("# [%s] is for other programs\n", table->ignored_sections.items[i]);
    for (size_t i = 0; i < table->count; i++)
        if (!table->rows[i].general)
            print_value(stdout, &table->rows[i]);
}

static bool named(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

void options_print_section(const struct option_table *table, const char *section, const char *const *except,
                           FILE *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        if (strcmp(row->group->section, section) == 0 && !named(row->spec->name, except))
            print_value(out, row);
    }
}

/* ---- --print-options ---- */

/* scdoc(5): a backslash takes the next character as it is. */
static void print_scdoc_text(const char *text)
{
    for (; *text; text++) {
        if (strchr("\\_*<>[]|#+.-~`", *text))
            putchar('\\');
        putchar(*text);
    }
}

void options_print_manual(const struct option_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = table->rows[i].spec;
        char text[DESCRIPTION_SIZE];
        if (starts_group(table, i))
            printf("## %s\n\n", table->rows[i].group->title);
        if (spec->kind == OPTION_SECRET)
            printf("(%s)", spec->name);
        else if (spec->letter)
            printf("*-%c*, *--%s*", spec->letter, spec->name);
        else
            printf("*--%s*", spec->name);
        if (spec->argument) {
            printf(" _");
            print_scdoc_text(spec->argument);
            putchar('_');
        }
        printf("\n\t");
        print_scdoc_text(describe(&table->rows[i], text));
        printf("\n\n");
    }
}
