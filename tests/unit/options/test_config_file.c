#include "core_fixture.h"

#include "options/config_file.h"

static bool read_bytes(const void *content, size_t length, struct config_file *config, struct error *error)
{
    struct temporary_file file = temporary_file(content, length);
    bool ok = config_file_read(file.path, config, error);
    fclose(file.stream);
    return ok;
}

static void expect_entry(const struct config_file *config, size_t i, const char *section, const char *key,
                         const char *value, int line)
{
    assert_true(i < config->count);
    assert_string_equal(config->entries[i].section, section);
    assert_string_equal(config->entries[i].key, key);
    assert_string_equal(config->entries[i].value, value);
    assert_int_equal(config->entries[i].line, line);
}

static void every_kind_of_line(void **state)
{
    static const char text[] = "\xef\xbb\xbf"
                               "host = broker\r\n"
                               "# comment\n"
                               "; comment = x\n"
                               "! comment\n"
                               "\n"
                               "   \t \r\n"
                               "\tport=1883  \n"
                               "[ mqtt ]\n"
                               "password = a#b;c=\"d\" \\ e\n"
                               "empty =\n"
                               "[default]\n"
                               "two words = x";
    struct config_file config;
    struct error error;
    (void)state;
    assert_true(read_bytes(text, sizeof text - 1, &config, &error));
    assert_int_equal(config.count, 5);
    expect_entry(&config, 0, "", "host", "broker", 1);
    expect_entry(&config, 1, "", "port", "1883", 7);
    expect_entry(&config, 2, "mqtt", "password", "a#b;c=\"d\" \\ e", 9);
    expect_entry(&config, 3, "mqtt", "empty", "", 10);
    expect_entry(&config, 4, "default", "two words", "x", 12);
    config_file_free(&config);
    assert_int_equal(config.count, 0);
}

static void empty_file(void **state)
{
    static const char *const texts[] = {"", "\n", "\xef\xbb\xbf", "[section]"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config_file config;
        struct error error;
        assert_true(read_bytes(texts[i], strlen(texts[i]), &config, &error));
        assert_int_equal(config.count, 0);
        config_file_free(&config);
    }
}

static void long_line(void **state)
{
    enum { LENGTH = 300000 };
    char *text = malloc(LENGTH + 5);
    struct config_file config;
    struct error error;
    (void)state;
    assert_non_null(text);
    memcpy(text, "key=", 4);
    memset(text + 4, 'x', LENGTH);
    text[LENGTH + 4] = '\0';
    assert_true(read_bytes(text, LENGTH + 4, &config, &error));
    assert_int_equal(config.count, 1);
    assert_string_equal(config.entries[0].value, text + 4);
    config_file_free(&config);
    free(text);
}

static void wrong_lines(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        const char *message;
    } table[] = {
        {"a = 1\nword\n", 11, ":2: expected 'key = value', a [section] or a # comment"},
        {"= value\n", 8, ":1: expected 'key = value'"},
        {"[open\n", 6, ":1: a section header must be [NAME]"},
        {"[a] # x\n", 8, ":1: a section header must be [NAME]"},
        {"a = 1\nb\0c = 2\n", 14, ":2: a NUL byte"},
        {"\xff\xfe"
         "a\0=\0",
         6, ":1: a NUL byte: the file must be text in UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct config_file config;
        struct error error;
        assert_false(read_bytes(table[i].text, table[i].length, &config, &error));
        assert_contains(error.text, "/proc/self/fd/");
        assert_contains(error.text, table[i].message);
    }
}

static void unreadable(void **state)
{
    struct config_file config;
    struct error error;
    (void)state;
    assert_false(config_file_read("/nonexistent/file", &config, &error));
    assert_string_equal(error.text,
                        "cannot read the configuration file '/nonexistent/file': No such file or directory");
    assert_false(config_file_read("/", &config, &error));
    assert_string_equal(error.text, "cannot read the configuration file '/': Is a directory");
    assert_false(config_file_read("", &config, &error));
    assert_contains(error.text, "''");
    assert_false(config_file_read("/dev/zero", &config, &error));
    assert_string_equal(error.text, "the configuration file '/dev/zero' is larger than 1 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_line), cmocka_unit_test(empty_file), cmocka_unit_test(long_line),
        cmocka_unit_test(wrong_lines),        cmocka_unit_test(unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
