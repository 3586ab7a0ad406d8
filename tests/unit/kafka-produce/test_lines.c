/* kafka-produce's input cut into lines: at any delimiter, in whatever pieces it comes, with bounded memory.
 */
#include "core_fixture.h"

#include "core/clock.h"
#include "core/stop.h"
#include "kafka-produce/lines.h"

#include <fcntl.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { LONGEST = 10 };

static struct lines open_lines(int fd, const char *delimiter)
{
    struct lines lines;
    struct error error;
    assert_true(lines_open(&lines, fd, "a stream", delimiter, strlen(delimiter), LONGEST, &error));
    return lines;
}

static enum lines_result next(struct lines *lines, char *text)
{
    const char *line = "";
    size_t length = 0;
    struct error error;
    enum lines_result result = lines_next(lines, 10 * SECOND, &line, &length, &error);
    snprintf(text, 64, "%.*s", result == LINES_ONE ? (int)length : 0, line);
    if (result == LINES_TOO_LONG)
        snprintf(text, 64, "%zu", length);
    return result;
}

/* All lines, each with a bar behind it; one that is too long as <LENGTH>. */
static void read_all(struct lines *lines, char *all)
{
    char text[64];
    enum lines_result result;
    *all = '\0';
    while ((result = next(lines, text)) != LINES_END) {
        assert_true(result == LINES_ONE || result == LINES_TOO_LONG);
        sprintf(all + strlen(all), result == LINES_ONE ? "%s|" : "<%s>|", text);
    }
}

static const struct {
    const char *input, *delimiter, *lines;
} cases[] = {
    {"", "\n", ""},
    {"\n", "\n", "|"},
    {"a\nb\n", "\n", "a|b|"},
    {"a\n\nb", "\n", "a||b|"},
    {"0123456789\n", "\n", "0123456789|"},
    {"0123456789a\nb", "\n", "<11>|b|"},
    {"0123456789abcdefghijklmnopqrstuvwxyz", "\n", "<36>|"},
    {"a--b-c---d-", "--", "a|b-c|-d-|"},
    {"0123456789-0--a--", "--", "<12>|a|"},
    {"abab", "ab", "||"},
    {"a\nb\n", "", "a\nb\n|"},
    {"0123456789a", "", "<11>|"},
};

static void lines_of_a_file(void **state)
{
    char all[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct temporary_file file = temporary_file(cases[i].input, strlen(cases[i].input));
        struct lines lines = open_lines(fileno(file.stream), cases[i].delimiter);
        read_all(&lines, all);
        assert_string_equal(all, cases[i].lines);
        assert_int_equal(lines.bytes, strlen(cases[i].input));
        lines_close(&lines);
        fclose(file.stream);
    }
}

/* Before each byte it is seen that there is no line yet, or the line that the byte before has ended. */
static void lines_that_come_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int ends[2];
        char all[256] = "", rest[256];
        struct error error;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        struct lines lines = open_lines(ends[0], cases[i].delimiter);
        for (const char *byte = cases[i].input; *byte; byte++) {
            const char *line;
            size_t length;
            assert_int_equal(write(ends[1], byte, 1), 1);
            enum lines_result result = lines_next(&lines, 0, &line, &length, &error);
            if (result == LINES_ONE)
                sprintf(all + strlen(all), "%.*s|", (int)length, line);
            else if (result == LINES_TOO_LONG)
                sprintf(all + strlen(all), "<%zu>|", length);
            else
                assert_int_equal(result, LINES_WAITING);
        }
        close(ends[1]);
        read_all(&lines, rest);
        assert_string_equal(strcat(all, rest), cases[i].lines);
        lines_close(&lines);
        close(ends[0]);
    }
}

static void a_line_that_is_far_too_long_takes_no_memory(void **state)
{
    enum { HUGE = 64 * 1024 * 1024 };
    FILE *file = tmpfile(); /* with a hole: it takes no disk either */
    assert_int_equal(ftruncate(fileno(file), HUGE), 0);
    assert_int_equal(pwrite(fileno(file), "\nb", 2, HUGE), 2);
    struct lines lines = open_lines(fileno(file), "\n");
    size_t capacity = lines.capacity;
    char text[64];
    (void)state;
    assert_int_equal(next(&lines, text), LINES_TOO_LONG);
    assert_string_equal(text, "67108864");
    assert_int_equal(next(&lines, text), LINES_ONE);
    assert_string_equal(text, "b");
    assert_int_equal(lines.capacity, capacity);
    lines_close(&lines);
    fclose(file);
}

static void stopping_goes_before_waiting(void **state)
{
    int ends[2];
    char text[64];
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct lines lines = open_lines(ends[0], "\n");
    assert_int_equal(write(ends[1], "a\nb", 3), 3);
    assert_int_equal(next(&lines, text), LINES_ONE);
    stop_init();
    stop_request();
    assert_int_equal(next(&lines, text), LINES_STOPPED);
    assert_true(lines_partial(&lines));
    lines_close(&lines);
    close(ends[0]);
    close(ends[1]);
}

static void what_cannot_be_read(void **state)
{
    int folder = open("/", O_RDONLY | O_CLOEXEC);
    struct lines lines = open_lines(folder, "\n");
    const char *line;
    size_t length;
    struct error error;
    (void)state;
    assert_int_equal(lines_next(&lines, SECOND, &line, &length, &error), LINES_FAILED);
    assert_contains(error.text, "Is a directory");
    lines_close(&lines);
    close(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_a_file),
        cmocka_unit_test(lines_that_come_byte_by_byte),
        cmocka_unit_test(what_cannot_be_read),
        cmocka_unit_test(a_line_that_is_far_too_long_takes_no_memory),
        cmocka_unit_test(stopping_goes_before_waiting), /* last */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
