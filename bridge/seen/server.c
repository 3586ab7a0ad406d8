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

static void write_report(enum http_report report, const struct snapshot *snapshot, struct http_answer *answer)
{
    switch (report) {
    case REPORT_METRICS:
        metrics_page_write(snapshot, answer->body);
        break;
    case REPORT_HEALTH:
        http_report_health(answer, snapshot_is_healthy(snapshot) ? NULL : snapshot->stuck);
        break;
    case REPORT_READINESS:
        http_report_readiness(answer, snapshot_is_ready(snapshot));
        snapshot_problems(snapshot, http_report_problem, answer);
        break;
    case REPORT_STATUS:
        status_page_write(snapshot, answer->body);
        break;
    case REPORTS:
        break;
    }
}

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
    write_report(report, &snapshot, answer);
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
