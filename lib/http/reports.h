/* What every daemon reports about itself: the paths, and what their answers have in common. */
#ifndef ROOMSTREAM_HTTP_REPORTS_H
#define ROOMSTREAM_HTTP_REPORTS_H

#include "server.h"

#include <jansson.h>

enum http_report {
    REPORT_METRICS,   /* /metrics, in Prometheus' text format */
    REPORT_HEALTH,    /* /healthz */
    REPORT_READINESS, /* /readyz */
    REPORT_STATUS,    /* /status, as JSON */
    REPORTS,          /* how many there are; none of them */
};

/* The report of that path; the answer gets its content type. REPORTS when the path is another one: then the
 * answer is complete, for "/" a list of the reports, else a 404. */
enum http_report http_report_find(const char *path, struct http_answer *answer);

/* Health: "healthy", or with 503 what does not move. stuck: a sentence fragment, NULL for nothing. */
void http_report_health(struct http_answer *answer, const char *stuck);

/* Readiness: "ready", or 503. The problems follow, a line each. */
void http_report_readiness(struct http_answer *answer, bool ready);
void http_report_problem(void *answer, const char *problem);

/* Status: adds a problem to a JSON array of them; writes the object, which it takes. */
void http_report_list_problem(void *problems, const char *problem);
void http_report_status(json_t *status, FILE *out);

#endif
