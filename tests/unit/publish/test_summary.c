/* The summary at the end of a replay. */
#include "core_fixture.h"

#include "core/clock.h"
#include "publish/summary.h"

#include <sys/stat.h>

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
        cmocka_unit_test(writes_the_summary_as_a_whole),
        cmocka_unit_test(says_why_the_summary_cannot_be_written),
        cmocka_unit_test(logs_the_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
