#include "options_fixture.h"

static struct capture captured;

#define PRINTED(...)                                                                                         \
    (capture_start(&captured, STDOUT_FILENO), result = PARSE(__VA_ARGS__), capture_end(&captured))

static enum options_result result;

static void version(void **state)
{
    (void)state;
    assert_string_equal(PRINTED("-v", "--version"), "probe-one (roomstream) " ROOMSTREAM_VERSION "\n");
    assert_int_equal(result, OPTIONS_DONE);
}

static void help(void **state)
{
    (void)state;
    const char *text = PRINTED("--help");
    assert_int_equal(result, OPTIONS_DONE);
    assert_contains(
        text, "Usage: probe-one [OPTION]...\nTries options.\n\nFirst paragraph.\n\nSecond paragraph.\n");
    assert_contains(text, "\nBasics:\n");
    assert_contains(text, "  -h, --host HOST             where it is (default: localhost) [PROBE_HOST]\n");
    assert_contains(text, "      --rate N                how fast (default: 0.1)\n");
    assert_contains(text, "  -v, --verbose               say more\n");
    assert_contains(text, "      (password)              the password [PROBE_PASSWORD]\n");
    assert_lacks(text, "--password ");
    assert_contains(text, "  -X, --property NAME=VALUE   a property\n");
    assert_contains(
        text,
        "      --much-longer-name WORD\n                              leaves room for one blank only\n");
    assert_contains(text, "\nExtra:\n");
    assert_contains(text, "      --note TEXT             a note (default: of probe-one)\n");
    assert_contains(text, "\nGeneral:\n");
    assert_contains(text, "[ROOMSTREAM_CONFIG]\n");
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 80);
}

/* Help is printed whatever the environment and the file hold. */
static void help_with_a_broken_environment(void **state)
{
    (void)state;
    setenv("ROOMSTREAM_PORT", "wrong", 1);
    setenv("ROOMSTREAM_CONFIG", "/nonexistent", 1);
    assert_contains(PRINTED("--help"), "Usage:");
    assert_int_equal(result, OPTIONS_DONE);
    PRINTED("--version");
    assert_int_equal(result, OPTIONS_DONE);
    PRINTED("--print-options");
    assert_int_equal(result, OPTIONS_DONE);
    PRINTED("--print-config");
    assert_int_equal(result, OPTIONS_WRONG);
}

static void manual(void **state)
{
    (void)state;
    const char *text = PRINTED("--print-options");
    assert_int_equal(result, OPTIONS_DONE);
    assert_contains(
        text,
        "## Basics\n\n*-h*, *--host* _HOST_\n\twhere it is (default: localhost) \\[PROBE\\_HOST\\]\n\n");
    assert_contains(text, "*--verbose*\n\tsay more\n\n");
    assert_contains(text, "\n(password)\n\tthe password");
    assert_contains(text, "## General\n\n*--config* _FILE_\n");
}

static void every_value_that_is_set(void **state)
{
    (void)state;
    const char *text = PRINTED("--print-config", "-t", "a", "-t", "b c", "-Xx=1", "--password-file=f");
    assert_int_equal(result, OPTIONS_DONE);
    assert_string_equal(text, "host = localhost\n"
                              "port = 1883\n"
                              "verbose = false\n"
                              "rate = 0.1\n"
                              "wait = 10s\n"
                              "size = 16M\n"
                              "format = json\n"
                              "topic = a\n"
                              "topic = b c\n"
                              "password-file = f\n"
                              "property = x=1\n"
                              "note = of probe-one\n");
}

static void secrets_are_not_printed(void **state)
{
    (void)state;
    setenv("PROBE_PASSWORD", "hunter2", 1);
    setenv("ROOMSTREAM_PROPERTY", "sasl.password=hunter3\nssl.key.pem=hunter4\nacks=all", 1);
    const char *text = PRINTED("--print-config");
    assert_lacks(text, "hunter");
    assert_contains(text, "# password is set (not shown)\n");
    assert_contains(text, "# property sasl.password is set (not shown)\n");
    assert_contains(text, "property = acks=all\n");
}

static void sections_of_others_are_named(void **state)
{
    static const char text[] = "[default]\nport = 1\n[prob-one]\nport = 2\nhost = x\n[mqtt]\nport = 3\n";
    struct temporary_file file = temporary_file(text, sizeof text - 1);
    (void)state;
    assert_contains(
        PRINTED("--print-config", "--config", file.path),
        "# [prob-one] is for other programs\n# [mqtt] is for other programs\nhost = localhost\nport = 1\n");
    fclose(file.stream);
}

static void numbers_in_readable_units(void **state)
{
    static const struct {
        const char *word, *line;
    } table[] = {
        {"--wait=1d", "wait = 1d\n"},
        {"--wait=1440m", "wait = 1d\n"},
        {"--wait=90m", "wait = 90m\n"},
        {"--wait=2h", "wait = 2h\n"},
        {"--wait=1.5", "wait = 1500ms\n"},
        {"--wait=1.0000001s", "wait = 1000000100ns\n"},
        {"--wait=1001us", "wait = 1001us\n"},
        {"--size=1024", "size = 1K\n"},
        {"--size=1025", "size = 1025\n"},
        {"--size=1.5G", "size = 1536M\n"},
        {"--size=2T", "size = 2T\n"},
        {"--rate=0.3", "rate = 0.3\n"},
        {"--rate=1e9", "rate = 1000000000\n"},
        {"--rate=1e-9", "rate = 1e-09\n"},
        {"--rate=0.30000000000000004", "rate = 0.30000000000000004\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_contains(PRINTED("--print-config", table[i].word), table[i].line);
}

static void what_a_file_cannot_hold_is_said(void **state)
{
    (void)state;
    assert_contains(PRINTED("--print-config", "--host=a\nport = 7"),
                    "# host: its value cannot stand in a file");
    assert_lacks(captured.text, "port = 7");
    assert_contains(PRINTED("--print-config", "--host", " a"), "# host: its value cannot stand in a file");
    assert_contains(PRINTED("--print-config", "--topic", "a\t"), "# topic: its value cannot stand in a file");
    assert_contains(PRINTED("--print-config", "--host="), "host = \n");
}

static void read_back(const char *const *words)
{
    char first[sizeof captured.text];
    capture_start(&captured, STDOUT_FILENO);
    result = parse_words(words);
    strcpy(first, capture_end(&captured));
    assert_int_equal(result, OPTIONS_DONE);
    struct temporary_file file = temporary_file(first, strlen(first));
    assert_string_equal(PRINTED("--print-config", "--config", file.path), first);
    fclose(file.stream);
}

/* What --print-config prints, --config reads back as the same. */
static void round_trip(void **state)
{
    (void)state;
    read_back((const char *const[]){"--print-config", NULL});
    read_back(
        (const char *const[]){"--print-config", "-C3", "--host=", "--note=a # b ; c = d \\", "-v", NULL});
    read_back(
        (const char *const[]){"--print-config", "-ta", "-t#", "-t[b]", "-t=", "-Xa=b=c", "-Xd.e=", NULL});
    read_back((const char *const[]){"--print-config", "-C9223372036854775807", "--rate=0.30000000000000004",
                                    "--wait=1.000000001s", "--size=1048577", "--format=csv", NULL});
}

static void one_section_without_some(void **state)
{
    static const char *const except[] = {"note", NULL};
    char *text;
    size_t size;
    (void)state;
    assert_int_equal(PARSE("-C3", "--note=x", "--much-longer-name=y"), OPTIONS_RUN);
    FILE *out = open_memstream(&text, &size);
    options_write("extra", except, out);
    fclose(out);
    assert_string_equal(text, "much-longer-name = y\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(version),
        TEST(help),
        TEST(help_with_a_broken_environment),
        TEST(manual),
        TEST(every_value_that_is_set),
        TEST(secrets_are_not_printed),
        TEST(sections_of_others_are_named),
        TEST(numbers_in_readable_units),
        TEST(what_a_file_cannot_hold_is_said),
        TEST(round_trip),
        TEST(one_section_without_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
