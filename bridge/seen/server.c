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
    int64_t started;                   /* monotonic ns */

    pthread_mutex_t mutex; /* guards what follows, between the main thread and the server's */
    struct snapshot_sources sources;
    struct recent recent;
    int64_t ticked;                  /* monotonic ns: when the main thread last was here */
    char stuck[SNAPSHOT_STUCK_SIZE]; /* another thread, as of the main thread's last look; "" for none */
};

/* ---- the main thread ---- */

static struct recent_sample take_sample(const struct snapshot_sources *sources, int64_t now)
{
    struct recent_sample sample = {.time = now};
    struct spool_ledger ledger;
    spool_get_ledger(sources->spool, &ledger);
    sample.received = ledger.received;
    sample.delivered = ledger.delivered;
    histogram_read(&sources->counters->latency, sample.latency);
    return sample;
}

static void tell_stuck(const char *thread, int64_t still, char text[static SNAPSHOT_STUCK_SIZE])
{
    snprintf(text, SNAPSHOT_STUCK_SIZE, "the %s has not moved for %.0f s", thread, (double)still / SECOND);
}

void server_tick(struct server *m, const struct watchdog *watchdog)
{
    int64_t now = clock_monotonic(), still;
    if (!m || now - m->ticked < sample_interval)
        return;
    const struct recent_sample sample = take_sample(&m->sources, now);
    const char *thread = watchdog_find_stuck(watchdog, watchdog_longest_step, &still);
    pthread_mutex_lock(&m->mutex);
    recent_add(&m->recent, &sample);
    m->ticked = now;
    *m->stuck = '\0';
    if (thread)
        tell_stuck(thread, still, m->stuck);
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

/* Called with the mutex held. A bridge that is stopping ends by itself. */
static void find_stuck(const struct server *m, int64_t now, struct snapshot *snapshot)
{
    int64_t still = now - m->ticked;
    if (snapshot->stopping)
        return;
    if (still > watchdog_longest_step)
        tell_stuck("main thread", still, snapshot->stuck);
    else
        memcpy(snapshot->stuck, m->stuck, sizeof snapshot->stuck);
}

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
    int64_t now = clock_monotonic();
    snapshot_take(&m->sources, m->started, &snapshot);
    find_stuck(m, now, &snapshot);
    const struct recent_sample sample = take_sample(&m->sources, now);
    snapshot.recent = recent_rates(&m->recent, &sample);
    pages[page].answer(&snapshot, answer);
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

struct server *server_open(const struct snapshot_sources *sources, const struct watchdog *watchdog,
                           struct error *error)
{
    struct server *m = calloc(1, sizeof *m);
    char address[HTTP_ADDRESS_SIZE];
    struct error reason;
    if (!m) {
        error_set(error, "out of memory");
        return NULL;
    }
    int64_t now = clock_monotonic();
    *m = (struct server){.started = now, .sources = *sources};
    pthread_mutex_init(&m->mutex, NULL);
    server_tick(m, watchdog);
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
        log_info(not_announced, "status does not find this bridge by itself, but by --address: %s",
                 reason.text);
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
