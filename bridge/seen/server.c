#include "server.h"

#include "core/clock.h"
#include "http/announcement.h"
#include "http/reports.h"
#include "metrics_page.h"
#include "status_page.h"

#include <stdlib.h>

/* Steps that are a little shorter than a second still count as one. */
static const int64_t sample_interval = 900 * MILLISECOND;

struct server {
    struct http_server *server;
    struct announcement *announcement; /* NULL: it could not be made */

    pthread_mutex_t mutex; /* guards what follows, between the main thread and the server's */
    struct snapshot_sources sources;
    struct recent recent;
    int64_t sampled; /* monotonic ns */
};

/* ---- the main thread ---- */

void server_tick(struct server *m)
{
    if (!m || clock_monotonic() - m->sampled < sample_interval)
        return;
    const struct recent_sample sample = snapshot_sample(&m->sources);
    pthread_mutex_lock(&m->mutex);
    recent_add(&m->recent, &sample);
    m->sampled = sample.time;
    pthread_mutex_unlock(&m->mutex);
}

void server_stopping(struct server *m)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->mutex);
    m->sources.receiver = NULL;
    pthread_mutex_unlock(&m->mutex);
}

/* ---- the server's thread ---- */

static void write_problem(void *context, const char *problem)
{
    fprintf(context, "%s\n", problem);
}

static void answer_readiness(const struct snapshot *snapshot, struct http_answer *answer)
{
    if (snapshot_is_ready(snapshot))
        fputs("ready\n", answer->body);
    else
        answer->status = 503;
    snapshot_problems(snapshot, write_problem, answer->body);
}

static void answer_health(const struct snapshot *snapshot, struct http_answer *answer)
{
    if (!snapshot_is_healthy(snapshot))
        answer->status = 503;
    fprintf(answer->body, "%s\n", snapshot_is_healthy(snapshot) ? "healthy" : snapshot->stuck);
}

static void answer_metrics(const struct snapshot *snapshot, struct http_answer *answer)
{
    metrics_page_write(snapshot, answer->body);
}

static void answer_status(const struct snapshot *snapshot, struct http_answer *answer)
{
    status_page_write(snapshot, answer->body);
}

static void (*const answers[REPORTS])(const struct snapshot *snapshot, struct http_answer *answer) = {
    [REPORT_METRICS] = answer_metrics,
    [REPORT_HEALTH] = answer_health,
    [REPORT_READINESS] = answer_readiness,
    [REPORT_STATUS] = answer_status,
};

/* The mutex is held throughout, so that the receiver stays while it is asked. */
static void on_request(void *context, const char *path, struct http_answer *answer)
{
    struct server *m = context;
    struct snapshot snapshot;
    enum http_report report = http_report_find(path, answer);
    if (report == REPORTS)
        return;
    pthread_mutex_lock(&m->mutex);
    snapshot_take(&m->sources, &m->recent, &snapshot);
    answers[report](&snapshot, answer);
    snapshot_free(&snapshot);
    pthread_mutex_unlock(&m->mutex);
}

struct server *server_open(const struct snapshot_sources *sources, struct error *error)
{
    struct server *m = calloc(1, sizeof *m);
    if (!m) {
        error_set(error, "out of memory");
        return NULL;
    }
    *m = (struct server){.sources = *sources};
    pthread_mutex_init(&m->mutex, NULL);
    server_tick(m);
    m->server = http_server_open(&sources->settings->http.address, &sources->settings->http.hosts, on_request,
                                 m, error);
    if (!m->server) {
        server_close(m);
        return NULL;
    }
    m->announcement = announcement_make("bridge", sources->settings->name, sources->settings->carried,
                                        http_server_address(m->server));
    return m;
}

void server_close(struct server *m)
{
    if (!m)
        return;
    announcement_withdraw(m->announcement);
    http_server_close(m->server);
    pthread_mutex_destroy(&m->mutex);
    free(m);
}
