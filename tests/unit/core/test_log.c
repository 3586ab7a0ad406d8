#include "core_fixture.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "core/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static struct capture captured;

static void begin(int level, int format)
{
    const struct log_settings settings = {level, format};
    log_init("probe", &settings);
    capture_start(&captured, STDERR_FILENO);
}

/* What follows the time, whose form is checked, and the head. */
static const char *message_of(const char *line, const char *head)
{
    for (const char *form = "dddd-dd-ddTdd:dd:dd.dddZ"; *form; form++, line++)
        assert_true(*form == 'd' ? *line >= '0' && *line <= '9' : *line == *form);
    assert_memory_equal(line, head, strlen(head));
    return line + strlen(head);
}

static void text_lines(void **state)
{
    (void)state;
    begin(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_error(happened, "number %d", 1);
    const char *lines = capture_end(&captured);
    assert_string_equal(message_of(lines, " probe error: "), "number 1\n");
}

static void levels(void **state)
{
    (void)state;
    begin(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
    log_error(happened, "one");
    log_warning(happened, "two");
    log_info(happened, "three");
    log_debug(happened, "four");
    const char *lines = capture_end(&captured);
    assert_contains(lines, "one\n");
    assert_contains(lines, "two\n");
    assert_lacks(lines, "three");
    assert_lacks(lines, "four");
    assert_true(log_enabled(LOG_LEVEL_WARNING));
    assert_false(log_enabled(LOG_LEVEL_INFO));
}

static void json_lines(void **state)
{
    (void)state;
    begin(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    log_debug(happened, "a \"quoted\" back\\slash");
    const char *lines = capture_end(&captured);
    static const char start[] = "{\"time\":\"";
    assert_memory_equal(lines, start, sizeof start - 1);
    assert_string_equal(
        message_of(lines + sizeof start - 1,
                   "\",\"level\":\"debug\",\"program\":\"probe\",\"event\":\"happened\",\"message\":\""),
        "a \\\"quoted\\\" back\\\\slash\"}\n");
}

/* Sets the environment as if stderr, or that of another process, went to journald. */
static void begin_in_journal(int format, int64_t inode_more)
{
    const struct log_settings settings = {LOG_LEVEL_DEBUG, format};
    char stream[64];
    struct stat info;
    capture_start(&captured, STDERR_FILENO);
    assert_int_equal(fstat(STDERR_FILENO, &info), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)info.st_dev,
             (uintmax_t)((int64_t)info.st_ino + inode_more));
    setenv("JOURNAL_STREAM", stream, 1);
    log_init("probe", &settings);
    unsetenv("JOURNAL_STREAM");
}

static void journald_gets_priorities(void **state)
{
    (void)state;
    begin_in_journal(LOG_FORMAT_TEXT, 0);
    log_error(happened, "one");
    log_warning(happened, "two");
    log_info(happened, "three");
    log_debug(happened, "four");
    assert_string_equal(capture_end(&captured), "<3>probe error: one\n<4>probe warning: two\n"
                                                "<6>probe info: three\n<7>probe debug: four\n");
    begin_in_journal(LOG_FORMAT_JSON, 0);
    log_warning(happened, "two");
    assert_memory_equal(capture_end(&captured), "<4>{\"time\":\"", 12);
    begin_in_journal(LOG_FORMAT_TEXT, 1);
    log_error(happened, "one");
    assert_string_equal(message_of(capture_end(&captured), " probe error: "), "one\n");
}

/* Text from outside cannot break a line, move the cursor, or make JSON invalid. */
static void escapes(void **state)
{
    static const struct {
        const char *message, *text, *json;
    } table[] = {
        {"a\nb", "a\\u000ab", "a\\u000ab"},
        {"\x1b[2J\x7f", "\\u001b[2J\\u007f", "\\u001b[2J\\u007f"},
        {"\xc2\x9b"
         "2J \xc2\xa0",
         "\\u009b2J \xc2\xa0", "\\u009b2J \xc2\xa0"},
        {"caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80"},
        {"\xff \xc3", "\xef\xbf\xbd \xef\xbf\xbd", "\xef\xbf\xbd \xef\xbf\xbd"},
        {"\"\\", "\"\\", "\\\"\\\\"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char expected[128];
        begin(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
        log_info(happened, "%s", table[i].message);
        const char *line = capture_end(&captured);
        snprintf(expected, sizeof expected, "%s\n", table[i].text);
        assert_string_equal(message_of(line, " probe info: "), expected);
        begin(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        log_info(happened, "%s", table[i].message);
        line = capture_end(&captured);
        snprintf(expected, sizeof expected, "\"message\":\"%s\"}\n", table[i].json);
        assert_contains(line, expected);
    }
}

/* A message of any length and content becomes one line of valid UTF-8 that a pipe takes in one write. */
static void long_messages(void **state)
{
    static const char *const units[] = {"x", "\n", "\xf0\x9f\x98\x80", "\xff", "\""};
    char message[8192];
    (void)state;
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
        for (size_t lead = 0; lead < 8; lead++)
            for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
                memset(message, 'y', lead);
                message[lead] = '\0';
                for (size_t length = lead; length + 5 < sizeof message; length = strlen(message))
                    strcpy(message + length, units[u]);
                begin(LOG_LEVEL_INFO, format);
                log_info(happened, "%s", message);
                const char *line = capture_end(&captured);
                size_t length = strlen(line);
                assert_in_range(length, 4000, 4096);
                assert_ptr_equal(strchr(line, '\n'), line + length - 1);
                assert_contains(line, format == LOG_FORMAT_JSON ? "...\"}\n" : "...\n");
                for (const char *c = line; *c; c += utf8_length(c))
                    assert_true(utf8_length(c) > 0);
            }
}

static void message_that_just_fits(void **state)
{
    char message[2001];
    (void)state;
    memset(message, 'x', 2000);
    message[2000] = '\0';
    begin(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info(happened, "%s", message);
    const char *line = capture_end(&captured);
    assert_contains(line, message);
    assert_lacks(line, "...");
}

static void errno_is_kept(void **state)
{
    (void)state;
    int closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    begin(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    dup2(closed, STDERR_FILENO); /* not open for writing: the write fails */
    errno = ERANGE;
    log_info(happened, "lost");
    assert_int_equal(errno, ERANGE);
    capture_end(&captured);
    close(closed);
}

static void line_prefix(void **state)
{
    (void)state;
    log_set_line_prefix("\r\x1b[K");
    begin(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info(happened, "text");
    assert_memory_equal(capture_end(&captured), "\r\x1b[K2", 5);
    log_set_line_prefix(NULL);
    begin(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info(happened, "text");
    assert_memory_equal(capture_end(&captured), "2", 1);
}

static void fields(void **state)
{
    static char long_text[400];
    const struct log_field *fields =
        LOG_FIELDS(LOG_TEXT("topic", "a\"b\n\xff"), LOG_NUMBER("least", INT64_MIN), LOG_TEXT("empty", ""),
                   LOG_TEXT("long", long_text));
    (void)state;
    memset(long_text, '"', sizeof long_text - 1);
    begin(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_info_with(happened, fields, "text");
    const char *line = capture_end(&captured);
    assert_contains(line, "\"event\":\"happened\",\"topic\":\"a\\\"b\\u000a\xef\xbf\xbd\","
                          "\"least\":-9223372036854775808,\"empty\":\"\",\"long\":\"\\\"");
    assert_contains(line, "\\\"...\",\"message\":\"text\"}\n");
    begin(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info_with(happened, fields, "text");
    assert_string_equal(message_of(capture_end(&captured), " probe info: "), "text\n");
}

/* The most fields, each too long, leave room for a message. */
static void many_long_fields(void **state)
{
    char text[4096];
    struct log_field fields[12] = {{0}};
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 11; i++)
        fields[i] = (struct log_field)LOG_TEXT(text, text);
    begin(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_info_with(happened, fields, "%s", text);
    const char *line = capture_end(&captured);
    assert_in_range(strlen(line), 4000, 4096);
    assert_contains(line, ",\"message\":\"xxxx");
    assert_contains(line, "xxx...\"}\n");
}

static void what_was_held_back_is_told(void **state)
{
    struct log_limit limit = {.interval = 60 * MINUTE};
    (void)state;
    begin(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_limited(&limit, LOG_LEVEL_DEBUG, failed, LOG_NO_FIELDS, "not written, so it holds nothing back");
    for (int i = 0; i < 4; i++)
        log_limited(&limit, LOG_LEVEL_ERROR, failed, LOG_FIELDS(LOG_NUMBER("number", i)), "failure %d", i);
    limit.last -= limit.interval; /* the interval is over */
    log_limited(&limit, LOG_LEVEL_ERROR, failed, LOG_NO_FIELDS, "failure %d", 4);
    limit.last -= limit.interval;
    log_limited(&limit, LOG_LEVEL_ERROR, failed, LOG_NO_FIELDS, "failure %d", 5);
    const char *text = capture_end(&captured);
    assert_contains(text, "\"event\":\"failed\",\"number\":0,\"message\":\"failure 0\"}\n");
    assert_lacks(text, "failure 3");
    assert_contains(text, "\"event\":\"failed\",\"left_out\":3,\"message\":\"failure 4 (lines like this held "
                          "back before: 3)\"}\n");
    assert_contains(text, "\"event\":\"failed\",\"message\":\"failure 5\"}\n");
}

static void rfc3339(void **state)
{
    char text[CLOCK_RFC3339_SIZE];
    (void)state;
    clock_rfc3339(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_rfc3339(INT64_C(1513939781123999999), text);
    assert_string_equal(text, "2017-12-22T10:49:41.123Z");
    clock_rfc3339(INT64_MAX, text);
    assert_string_equal(text, "2262-04-11T23:47:16.854Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines),
        cmocka_unit_test(levels),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(journald_gets_priorities),
        cmocka_unit_test(escapes),
        cmocka_unit_test(long_messages),
        cmocka_unit_test(message_that_just_fits),
        cmocka_unit_test(errno_is_kept),
        cmocka_unit_test(line_prefix),
        cmocka_unit_test(fields),
        cmocka_unit_test(many_long_fields),
        cmocka_unit_test(what_was_held_back_is_told),
        cmocka_unit_test(rfc3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
