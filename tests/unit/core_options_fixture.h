/* A program with an option of each kind, for the tests of lib/core/options.c and options_print.c. */
#ifndef ROOMSTREAM_TESTS_UNIT_CORE_OPTIONS_FIXTURE_H
#define ROOMSTREAM_TESTS_UNIT_CORE_OPTIONS_FIXTURE_H

#include "core_fixture.h"

#include "core/clock.h"
#include "core/options.h"

struct probe_settings {
    const char *host, *password, *password_file, *note, *longer, *properties_file;
    bool verbose;
    int64_t port, count, wait, size;
    double rate;
    int format;
    struct text_list topics;
    struct property_list properties;
};

static struct probe_settings settings;
static const char *const formats[] = {"json", "csv", "senml", NULL};

#define AT(field) .offset = offsetof(struct probe_settings, field)

static const struct option_spec basic_specs[] = {
    {.name = "host",
     .letter = 'h',
     .kind = OPTION_TEXT,
     .argument = "HOST",
     .fallback = "localhost",
     .env = "PROBE_HOST",
     .property = "probe.host",
     AT(host),
     .help = "where it is"},
    {.name = "port",
     .letter = 'p',
     .kind = OPTION_INTEGER,
     .argument = "PORT",
     .fallback = "1883",
     .minimum = 1,
     .maximum = 65535,
     AT(port),
     .help = "its port"},
    {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, AT(verbose), .help = "say more"},
    {.name = "count",
     .letter = 'C',
     .kind = OPTION_INTEGER,
     .argument = "N",
     .minimum = 1,
     AT(count),
     .help = "how many"},
    {.name = "rate",
     .kind = OPTION_REAL,
     .argument = "N",
     .fallback = "0.1",
     .maximum = 1e9,
     AT(rate),
     .help = "how fast"},
    {.name = "wait",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "10s",
     .minimum = 0.001,
     .maximum = 86400,
     AT(wait),
     .help = "how long"},
    {.name = "size",
     .kind = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "16M",
     .minimum = 1024,
     .maximum = 1e15,
     AT(size),
     .help = "how large"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .argument = "FORMAT",
     .fallback = "json",
     .choices = formats,
     AT(format),
     .help = "json, csv or senml"},
    {.name = "topic",
     .letter = 't',
     .kind = OPTION_LIST,
     .argument = "TOPIC",
     AT(topics),
     .help = "what; several times for several"},
    {.name = "password",
     .kind = OPTION_SECRET,
     .env = "PROBE_PASSWORD",
     AT(password),
     .help = "the password"},
    {.name = "password-file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     AT(password_file),
     .help = "the password's file"},
};

static const struct option_spec extra_specs[] = {
    {.name = "property",
     .letter = 'X',
     .kind = OPTION_PROPERTIES,
     .argument = "NAME=VALUE",
     .dotted_keys = true,
     AT(properties),
     .help = "a property"},
    {.name = "property-file",
     .letter = 'F',
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .properties_file = true,
     AT(properties_file),
     .help = "a file of properties"},
    {.name = "note", .kind = OPTION_TEXT, .argument = "TEXT", AT(note), .help = "a note"},
    {.name = "much-longer-name",
     .kind = OPTION_TEXT,
     .argument = "WORD",
     AT(longer),
     .help = "leaves room for one blank only"},
};

static const struct option_group groups[] = {
    {"Basics", "basics", basic_specs, sizeof basic_specs / sizeof *basic_specs, &settings},
    {"Extra", "extra", extra_specs, sizeof extra_specs / sizeof *extra_specs, &settings},
};

static const struct option_default defaults[] = {{"note", "of probe-one"}};

static const struct program program = {
    .name = "probe-one",
    .family = "probe",
    .usage = "[OPTION]...",
    .summary = "Tries options.",
    .details = "First paragraph.\n\nSecond paragraph.",
    .groups = groups,
    .group_count = 2,
    .defaults = defaults,
    .default_count = 1,
};

static struct error error;

static void forget_settings(void)
{
    free((void *)settings.host);
    free((void *)settings.password);
    free((void *)settings.password_file);
    free((void *)settings.note);
    free((void *)settings.longer);
    text_list_free(&settings.topics);
    free((void *)settings.properties_file);
    property_list_free(&settings.properties);
    settings = (struct probe_settings){0};
}

/* Before and after each test: no settings and none of the environment's variables that the program reads. */
static int start_afresh(void **state)
{
    static const char *const names[] = {
        "PROBE_HOST",        "PROBE_PASSWORD",           "ROOMSTREAM_PORT",         "ROOMSTREAM_COUNT",
        "ROOMSTREAM_RATE",   "ROOMSTREAM_WAIT",          "ROOMSTREAM_SIZE",         "ROOMSTREAM_FORMAT",
        "ROOMSTREAM_TOPIC",  "ROOMSTREAM_NOTE",          "ROOMSTREAM_PROPERTY",     "ROOMSTREAM_VERBOSE",
        "ROOMSTREAM_CONFIG", "ROOMSTREAM_PASSWORD_FILE", "ROOMSTREAM_PROPERTY_FILE"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    forget_settings();
    return 0;
}

/* Parses these words, the last of which is NULL, into settings that were empty. */
static enum options_result parse_words(const char *const *words)
{
    char *argv[64] = {(char *)"probe-one"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    forget_settings();
    error.text[0] = '\0';
    return options_parse(&program, argc, argv, &error);
}

#define PARSE(...) parse_words((const char *const[]){__VA_ARGS__, NULL})
#define PARSE_NOTHING() parse_words((const char *const[]){NULL})

static inline void assert_list(const struct text_list *list, const char *const *items)
{
    size_t count = 0;
    for (; items[count]; count++) {
        assert_true(count < list->count);
        assert_string_equal(list->items[count], items[count]);
    }
    assert_int_equal(list->count, count);
}

#define ASSERT_LIST(list, ...) assert_list(list, (const char *const[]){__VA_ARGS__, NULL})

/* The properties as "NAME=VALUE". */
static inline void assert_properties(const char *const *items)
{
    size_t count = 0;
    for (; items[count]; count++) {
        char text[256];
        assert_true(count < settings.properties.count);
        snprintf(text, sizeof text, "%s=%s", settings.properties.items[count].name,
                 settings.properties.items[count].value);
        assert_string_equal(text, items[count]);
    }
    assert_int_equal(settings.properties.count, count);
}

#define ASSERT_PROPERTIES(...) assert_properties((const char *const[]){__VA_ARGS__, NULL})

#endif
