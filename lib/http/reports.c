#include "reports.h"

#include "core/json_text.h"

#include "prometheus.h"

#include <string.h>

enum http_report http_report_find(const char *path, struct http_answer *answer)
{
    static const struct {
        const char *path, *content_type; /* NULL: the server's own */
    } reports[REPORTS] = {
        [REPORT_METRICS] = {"/metrics", PROMETHEUS_CONTENT_TYPE},
        [REPORT_HEALTH] = {"/healthz", NULL},
        [REPORT_READINESS] = {"/readyz", NULL},
        [REPORT_STATUS] = {"/status", "application/json"},
    };
    bool index = strcmp(path, "/") == 0;
    for (enum http_report report = 0; report < REPORTS; report++) {
        if (index)
            fprintf(answer->body, "%s\n", reports[report].path);
        if (strcmp(path, reports[report].path) != 0)
            continue;
        if (reports[report].content_type)
            answer->content_type = reports[report].content_type;
        return report;
    }
    if (!index)
        answer->status = 404;
    return REPORTS;
}

void http_report_health(struct http_answer *answer, const char *stuck)
{
    if (stuck)
        answer->status = 503;
    fprintf(answer->body, "%s\n", stuck ? stuck : "healthy");
}

void http_report_readiness(struct http_answer *answer, bool ready)
{
    if (ready)
        fputs("ready\n", answer->body);
    else
        answer->status = 503;
}

void http_report_problem(void *answer, const char *problem)
{
    fprintf(((struct http_answer *)answer)->body, "%s\n", problem);
}

void http_report_list_problem(void *problems, const char *problem)
{
    json_array_append_new(problems, json_text(problem));
}

void http_report_status(json_t *status, FILE *out)
{
    json_print(status, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    fputc('\n', out);
    json_decref(status);
}
