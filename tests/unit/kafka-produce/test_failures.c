/* kafka-produce's account of lines that were not delivered. */
#include "core_fixture.h"

#include "kafka-produce/failures.h"

static void neighbours_are_told_as_one(void **state)
{
    static struct failures failures;
    struct capture capture;
    char again[] = "not delivered: away"; /* a reason of its own, with the same text */
    (void)state;
    capture_start(&capture, STDERR_FILENO);
    failures_add(&failures, 3, "not delivered: away");
    failures_add(&failures, 4, again);
    failures_add(&failures, 5, again);
    failures_add(&failures, 6, "not sent: too long");
    failures_add(&failures, 8, "not sent: too long");
    failures_add(&failures, 7, "not sent: too long");
    failures_log(&failures);
    failures_log(&failures);
    const char *log = capture_end(&capture);
    assert_contains(log, "error: lines 3 to 5 not delivered: away\n");
    assert_contains(log, "error: line 6 not sent: too long\n");
    assert_contains(log, "error: line 8 not sent: too long\n");
    assert_contains(log, "error: line 7 not sent: too long\n");
    size_t lines = 0;
    for (const char *at = log; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(neighbours_are_told_as_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
