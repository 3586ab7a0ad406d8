/* What is told of a replay: progress and summary. */
#include "core_fixture.h"

#include "core/clock.h"
#include "core/progress.h"
#include "publish/summary.h"

#include <sys/stat.h>

static const struct progress_state half = {.rows = 2031, .messages = 8124, .part = 0.5, .in_flight = 19};

static void check(const struct progress_state *state, int64_t elapsed, double rate, size_t columns,
                  const char *wanted)
{
    char text[PROGRESS_TEXT_SIZE];
    progress_text(state, elapsed, rate, columns, text);
    assert_string_equal(text, wanted);
}

static void draws_a_bar_that_fits(void **state)
{
    (void)state;
    check(&half, 10 * SECOND, 812.4, 120,
          "[====================>                   ] 50%, 8124 messages, 812/s, 0:10 left, 2031 rows, 19 in "
          "flight");
    check(&half, 10 * SECOND, 812.4, 80,
          "[=======>       ] 50%, 8124 messages, 812/s, 0:10 left, 2031 rows, 19 in flight");
}

static void fits_any_width(void **state)
{
    (void)state;
    for (size_t columns = 1; columns < 400; columns++) {
        char text[PROGRESS_TEXT_SIZE];
        progress_text(&half, 100 * 3600 * SECOND, 1e9, columns, text);
        assert_true(strlen(text) < columns);
    }
    check(&half, 10 * SECOND, 812.4, 20, "50%, 8124 messages");
    check(&half, 10 * SECOND, 812.4, 6, "50%, ");
}

static void tells_what_is_known(void **state)
{
    struct progress_state unknown = half, limited = half, done = half, endless = half;
    (void)state;
    unknown.part = -1;
    limited.limit = 10000;
    done.part = 1;
    endless.part = -1;
    endless.loop = 3;
    check(&half, 10 * SECOND, 812.4, 0, "50%, 8124 messages, 812/s, 0:10 left, 2031 rows, 19 in flight");
    check(&unknown, 10 * SECOND, 4, 0, "8124 messages, 4.0/s, 2031 rows, 19 in flight");
    check(&unknown, 10 * SECOND, 4, 80, "8124 messages, 4.0/s, 2031 rows, 19 in flight");
    check(&limited, 100 * SECOND, 812.4, 0, "81%, 8124 messages, 812/s, 0:23 left, 2031 rows, 19 in flight");
    check(&done, 10 * SECOND, 812.4, 0, "100%, 8124 messages, 812/s, 2031 rows, 19 in flight");
    check(&endless, 10 * SECOND, 812.4, 80, "8124 messages, 812/s, 2031 rows, loop 3, 19 in flight");
    check(&half, 7325 * SECOND, 812.4, 0, "50%, 8124 messages, 812/s, 2:02:05 left, 2031 rows, 19 in flight");
}

static void pauses_do_not_make_the_time_left_climb(void **state)
{
    (void)state;
    struct progress progress = {0};
    int64_t now = 7 * SECOND;
    progress_start(&progress, now);
    for (uint64_t messages = 1; messages <= 60; messages++)
        assert_int_equal(progress_active(&progress, messages, now += SECOND), (int64_t)messages * SECOND);
    assert_int_equal(progress_active(&progress, 60, now + 3 * SECOND), 63 * SECOND);
    assert_int_equal(progress_active(&progress, 60, now + 3600 * SECOND), 65 * SECOND);
    assert_int_equal(progress_active(&progress, 61, now += 3600 * SECOND), 65 * SECOND);
    assert_int_equal(progress_active(&progress, 62, now += SECOND), 66 * SECOND);
}

/* ---- summary ---- */

static const struct summary summary = {40516, 40510, 1, 3, 10129, 2, 1, NULL, 1399 * MILLISECOND};

static void writes_the_summary_as_a_whole(void **state)
{
    char folder[] = "/tmp/summary-XXXXXX", path[64], text[256];
    struct error error;
    struct stat status;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/summary", folder);
    mode_t mask = umask(027);
    for (int i = 0; i < 2; i++)
        assert_true(summary_write(&summary, path, &error));
    umask(mask);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    fclose(file);
    assert_string_equal(
        text,
        "published=40516\nacknowledged=40510\nresent=3\nrows=10129\nbad_rows=2\nlate=1\nseconds=1.399\n");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* nothing else is left in it */
}

static void says_why_the_summary_cannot_be_written(void **state)
{
    struct error error;
    (void)state;
    assert_false(summary_write(&summary, "/nowhere/summary", &error));
    assert_string_equal(error.text, "--summary: cannot write /nowhere/summary: No such file or directory");
    assert_false(summary_write(&summary, "/dev/null", &error));
    assert_string_equal(error.text, "--summary: /dev/null is not a regular file");
    assert_false(summary_write(&summary, "/", &error));
    assert_string_equal(error.text, "--summary: / is not a regular file");
}

static void logs_the_summary(void **state)
{
    static struct capture capture;
    struct summary at_qos_0 = summary;
    (void)state;
    at_qos_0.qos = 0;
    capture_start(&capture, STDERR_FILENO);
    summary_log(&summary);
    summary_log(&at_qos_0);
    const char *log = capture_end(&capture);
    assert_contains(log, "published 40516 messages (10129 rows, 2 bad rows, 1 late, 3 resent), ");
    assert_contains(log, "resent), 40510 acknowledged, in 1.399 s");
    assert_contains(log, "resent), 40510 sent at QoS 0, in 1.399 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_a_bar_that_fits),
        cmocka_unit_test(fits_any_width),
        cmocka_unit_test(tells_what_is_known),
        cmocka_unit_test(pauses_do_not_make_the_time_left_climb),
        cmocka_unit_test(writes_the_summary_as_a_whole),
        cmocka_unit_test(says_why_the_summary_cannot_be_written),
        cmocka_unit_test(logs_the_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
