/* Any bytes as the value of an option: it is taken within its bounds or refused with a message. The first
 * byte says of which option; where there are several values, each is a line. */
#include "core/clock.h"
#include "core/recorded_time.h"
#include "options/options.h"
#include "options/property_list.h"
#include "publish/columns.h"
#include "publish/faults.h"
#include "publish/time_format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_message(const struct error *error)
{
    require(*error->text && memchr(error->text, '\0', sizeof error->text));
}

/* ---- one of each kind ---- */

static struct values {
    int64_t integer, duration, size;
    double real;
    int choice;
    const char *text;
    struct text_list list;
    struct property_list properties;
} values;

static const char *const choices[] = {"one", "two", NULL};

#define FIELD(name) offsetof(struct values, name)
static const struct option_spec specs[] = {
    OPT_INTEGER(0, "integer", FIELD(integer), "", NULL, RANGE(-5, 1000), ""),
    OPT_DURATION(0, "duration", FIELD(duration), NULL, RANGE(0, 3600), ""),
    OPT_SIZE(0, "size", FIELD(size), NULL, RANGE(1, 1e12), ""),
    OPT_REAL(0, "real", FIELD(real), "", NULL, RANGE(1e-6, 1e9), ""),
    OPT_CHOICE(0, "choice", FIELD(choice), "", choices, NULL, ""),
    OPT_TEXT(0, "text", FIELD(text), "", ""),
    OPT_LIST(0, "list", FIELD(list), "", ""),
    OPT_PROPERTIES(0, "properties", FIELD(properties), "", ""),
};
enum { KINDS = sizeof specs / sizeof *specs };

static void check_values(void)
{
    require(values.integer >= -5 && values.integer <= 1000);
    require(values.duration >= 0 && values.duration <= 3600 * SECOND);
    require(values.size >= 0 && values.size <= INT64_C(1000000000000));
    require(isfinite(values.real) && values.real >= 0 && values.real <= 1e9);
    require(values.choice == 0 || values.choice == 1);
}

static void parse_option(size_t kind, const char *text)
{
    static const struct option_group group = {"Values", "values", specs, KINDS, &values};
    static const struct program program = {
        .name = "fuzz", .usage = "", .summary = "", .groups = &group, .group_count = 1};
    static char name[] = "fuzz";
    struct error error = {""};
    char *word = NULL;
    require(asprintf(&word, "--%s=%s", specs[kind].name, text) >= 0);
    values = (struct values){.text = NULL};
    if (options_parse(&program, 2, (char *[]){name, word, NULL}, &error) == OPTIONS_RUN)
        check_values();
    else
        require_message(&error);
    free((void *)(uintptr_t)values.text);
    text_list_free(&values.list);
    property_list_free(&values.properties);
    free(word);
}

/* ---- the publishers' own ---- */

static struct text_list lines_of(const char *text)
{
    struct text_list list = {0};
    char *copy = strdup(text), *rest = copy, *line;
    require(copy != NULL);
    while ((line = strsep(&rest, "\n")))
        text_list_append(&list, line);
    free(copy);
    return list;
}

static void parse_faults(const struct text_list *lines)
{
    static char name[] = "a";
    static struct column item = {name, 1};
    static const struct columns columns = {&item, 1};
    struct fault_settings settings = {0};
    struct error error = {""};
    struct number value, again;
    if (!fault_settings_parse(lines, &settings, &error)) {
        require_message(&error);
        return;
    }
    struct faults *faults = faults_new(&settings, &columns);
    require(faults != NULL);
    faults_begin_loop(faults, 0);
    for (uint64_t row = 0; row < 50; row++) {
        char text[NUMBER_MAX + 1];
        require(number_parse(row % 2 ? "-24.5" : "1e300", '.', &value));
        require(faults_next(faults, row, 0, &value) < FAULT_KINDS);
        memcpy(text, value.text, value.length);
        text[value.length] = '\0';
        require(number_parse(text, '.', &again));
    }
    faults_free(faults);
}

static void parse_columns(const struct text_list *lines)
{
    struct columns columns = {0};
    struct error error = {""};
    /* The last line chooses among the columns of those before it. */
    struct text_list names = {lines->items, lines->count - 1}, nodes = {lines->items + lines->count - 1, 1};
    if (columns_parse(&names, &columns, &error) && columns_select(&columns, &nodes, &error))
        require(columns.count > 0 && columns.items[0].name[0] != '\0' && columns.items[0].node >= 0);
    else
        require_message(&error);
    columns_free(&columns);
}

static void check_time(int64_t ns)
{
    struct recorded_time time = {0};
    int64_t date, clock;
    char text[RECORDED_CLOCK_MAX + 1];
    require(recorded_time_fits(ns));
    /* What is written of it says the same. */
    recorded_time_set(&time, ns, true);
    memcpy(text, time.date, sizeof time.date);
    text[sizeof time.date] = '\0';
    require(recorded_date(text, &date));
    memcpy(text, time.clock, time.clock_length);
    text[time.clock_length] = '\0';
    require(recorded_clock(text, &clock) && date + clock == ns);
}

/* The first line is the format, each other a time. */
static void parse_times(const struct text_list *lines)
{
    struct time_format format;
    struct error error = {""};
    int64_t ns;
    bool utc;
    if (!time_format_parse(lines->items[0], &format, &error)) {
        require_message(&error);
        return;
    }
    for (size_t i = 1; i < lines->count; i++)
        if (time_format_read(&format, lines->items[i], &ns, &utc))
            check_time(ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(const struct text_list *) = {parse_faults, parse_columns, parse_times};
    enum { PARSERS = sizeof parsers / sizeof *parsers };
    if (size == 0)
        return 0;
    char *text = strndup((const char *)data + 1, size - 1);
    require(text != NULL);
    size_t which = (size_t)(data[0] - 'a') % (KINDS + PARSERS);
    if (which < KINDS) {
        parse_option(which, text);
    } else {
        struct text_list lines = lines_of(text);
        parsers[which - KINDS](&lines);
        text_list_free(&lines);
    }
    free(text);
    return 0;
}
