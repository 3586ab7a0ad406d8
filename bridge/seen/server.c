#include "server.h"

#include "core/clock.h"
#include "core/log.h"
#include "http/announcement.h"
#include "http/prometheus.h"
#include "http/server.h"
#include "metrics_page.h"
#include "status_page.h"

#include <stdlib.h>
#include <string.h>

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
    answer->content_type = PROMETHEUS_CONTENT_TYPE;
    metrics_page_write(snapshot, answer->body);
}

static void answer_status(const struct snapshot *snapshot, struct http_answer *answer)
{
    answer->content_type = "application/json";
    status_page_write(snapshot, answer->body);
}

static const struct {
    const char *path;
    void (*answer)(const struct snapshot *snapshot, struct http_answer *answer);
} pages[] = {
    {"/metrics", answer_metrics},
    {"/healthz", answer_health},
    {"/readyz", answer_readiness},
    {"/status", answer_status},
};

static void answer_index(struct http_answer *answer)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        fprintf(answer->body, "%s\n", pages[i].path);
}

/* The mutex is held throughout, so that the receiver stays while it is asked. */
static void answer(struct server *m, size_t page, struct http_answer *answer)
{
    struct snapshot snapshot;
    pthread_mutex_lock(&m->mutex);
    snapshot_take(&m->sources, &m->recent, &snapshot);
    pages[page].answer(&snapshot, answer);
    snapshot_free(&snapshot);
    pthread_mutex_unlock(&m->mutex);
}

static void on_request(void *context, const char *path, struct http_answer *to)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strcmp(path, pages[i].path) == 0) {
            answer(context, i, to);
            return;
        }
    if (strcmp(path, "/") == 0)
        answer_index(to);
    else
        to->status = 404;
}

struct server *server_open(const struct snapshot_sources *sources, struct error *error)
{
    struct server *m = calloc(1, sizeof *m);
    char address[HTTP_ADDRESS_SIZE];
    struct error reason;
    if (!m) {
        error_set(error, "out of memory");
        return NULL;
    }
    *m = (struct server){.sources = *sources};
    pthread_mutex_init(&m->mutex, NULL);
    server_tick(m);
    m->server = http_server_open(&sources->settings->http_address, &sources->settings->http_hosts, on_request,
                                 m, error);
    if (!m->server) {
        server_close(m);
        return NULL;
    }
    http_address_format(http_server_address(m->server), address);
    log_info_with(http_listening, LOG_FIELDS(LOG_TEXT("address", address)), "serving HTTP at http://%s/",
                  address);
    m->announcement =
        announcement_make("bridge", sources->settings->name, http_server_address(m->server), &reason);
    if (!m->announcement)
        log_info(not_announced, "status does not find this bridge without --address: %s", reason.text);
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
