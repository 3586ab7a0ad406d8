/* The paths of what a daemon reports about itself. */
#include "core_fixture.h"

#include "http/prometheus.h"
#include "http/reports.h"

#include <stdlib.h>

static enum http_report find(const char *path, struct http_answer *answer, char body[static 100])
{
    *answer = (struct http_answer){.status = 200, .body = fmemopen(body, 100, "w")};
    body[0] = '\0';
    enum http_report report = http_report_find(path, answer);
    fclose(answer->body);
    return report;
}

static void each_path_is_its_report(void **state)
{
    struct http_answer answer;
    char body[100];
    (void)state;
    assert_int_equal(find("/metrics", &answer, body), REPORT_METRICS);
    assert_string_equal(answer.content_type, PROMETHEUS_CONTENT_TYPE);
    assert_int_equal(find("/status", &answer, body), REPORT_STATUS);
    assert_string_equal(answer.content_type, "application/json");
    assert_int_equal(find("/healthz", &answer, body), REPORT_HEALTH);
    assert_null(answer.content_type);
    assert_int_equal(find("/readyz", &answer, body), REPORT_READINESS);
    assert_string_equal(body, "");
}

static void other_paths_are_answered(void **state)
{
    struct http_answer answer;
    char body[100];
    (void)state;
    assert_int_equal(find("/", &answer, body), REPORTS);
    assert_string_equal(body, "/metrics\n/healthz\n/readyz\n/status\n");
    assert_int_equal(answer.status, 200);
    assert_int_equal(find("/status/", &answer, body), REPORTS);
    assert_int_equal(answer.status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_is_its_report),
        cmocka_unit_test(other_paths_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
