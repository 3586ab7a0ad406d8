/* A program with an option of each kind, for the tests of lib/options. */
#ifndef ROOMSTREAM_TESTS_UNIT_OPTIONS_FIXTURE_H
#define ROOMSTREAM_TESTS_UNIT_OPTIONS_FIXTURE_H

#include "core_fixture.h"

#include "core/clock.h"
#include "options/options.h"
#include "options/property_list.h"

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

#define FIELD(name) offsetof(struct probe_settings, name)

static const struct option_spec basic_specs[] = {
    OPT_TEXT('h', "host", FIELD(host), "HOST", "where it is", .fallback = "localhost", .env = "PROBE_HOST",
             .property = "probe.host"),
    OPT_INTEGER('p', "port", FIELD(port), "PORT", "1883", RANGE(1, 65535), "its port"),
    OPT_FLAG('v', "verbose", FIELD(verbose), "say more"),
    OPT_INTEGER('C', "count", FIELD(count), "N", NULL, AT_LEAST(1), "how many"),
    OPT_REAL(0, "rate", FIELD(rate), "N", "0.1", RANGE(0, 1e9), "how fast"),
    OPT_DURATION(0, "wait", FIELD(wait), "10s", RANGE(0.001, 86400), "how long"),
    OPT_SIZE(0, "size", FIELD(size), "16M", RANGE(1024, 1e15), "how large"),
    OPT_CHOICE(0, "format", FIELD(format), "FORMAT", formats, "json", "json, csv or senml"),
    OPT_LIST('t', "topic", FIELD(topics), "TOPIC", "what; several times for several"),
    OPT_SECRET("password", FIELD(password), "the password", .env = "PROBE_PASSWORD"),
    OPT_TEXT(0, "password-file", FIELD(password_file), "FILE", "the password's file"),
};

static const struct option_spec extra_specs[] = {
    OPT_PROPERTIES('X', "property", FIELD(properties), "NAME=VALUE", "a property", .dotted_keys = true),
    OPT_TEXT('F', "property-file", FIELD(properties_file), "FILE", "a file of properties",
             .properties_file = true),
    OPT_TEXT(0, "note", FIELD(note), "TEXT", "a note"),
    OPT_TEXT(0, "much-longer-name", FIELD(longer), "WORD", "leaves room for one blank only"),
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

/* Parses with this configuration file, then the words. */
static inline enum options_result parse_file(const char *text, const char *word)
{
    struct temporary_file file = temporary_file(text, strlen(text));
    enum options_result result = word ? PARSE("--config", file.path, word) : PARSE("--config", file.path);
    fclose(file.stream);
    return result;
}

#define ASSERT_WRONG(result, message)                                                                        \
    do {                                                                                                     \
        assert_int_equal(result, OPTIONS_WRONG);                                                             \
        assert_contains(error.text, message);                                                                \
    } while (0)

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_afresh, start_afresh)

static inline void assert_real(double value, double wanted)
{
    assert_false(value < wanted || value > wanted);
}

/* The values that the tests of sources set in each of them. */
static inline void assert_second_values(void)
{
    assert_string_equal(settings.host, "broker");
    assert_int_equal(settings.port, 65535);
    assert_true(settings.verbose);
    assert_int_equal(settings.count, 3);
    assert_real(settings.rate, 2.5);
    assert_int_equal(settings.wait, 250 * MILLISECOND);
    assert_int_equal(settings.size, 2 << 10);
    assert_int_equal(settings.format, 2);
    ASSERT_LIST(&settings.topics, "a", "b c");
    ASSERT_PROPERTIES("x=1", "y.z=a=b");
    assert_string_equal(settings.password_file, "f");
    assert_string_equal(settings.note, "");
    static const char *const given[] = {"host", "port",   "verbose", "count",    "rate",          "wait",
                                        "size", "format", "topic",   "property", "password-file", "note"};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        assert_true(options_given(given[i]));
}

#endif
