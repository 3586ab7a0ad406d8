#include "pages.h"

#include "core/clock.h"
#include "core/out_of_memory.h"
#include "http/announcement.h"
#include "http/reports.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const int64_t kafka_silence = 30 * SECOND; /* statistics come every second */
static const int64_t longest_step = 30 * SECOND;  /* of the main thread */
static const char stuck[] = "the main thread has not moved for 30 s";

struct pages {
    const struct store_settings *settings;
    struct progress *progress;
    struct http_server *server;
    struct announcement *announcement;
    int64_t started;
    struct recent recent; /* guarded by the progress' mutex */
};

/* With the mutex held. */
static struct recent_sample take_sample(const struct progress *p, int64_t now)
{
    struct recent_sample sample = {
        .time = now, .received = p->counts.consumed, .delivered = p->counts.stored};
    histogram_read(&p->latency, sample.latency);
    return sample;
}

void pages_tick(struct pages *pages)
{
    if (!pages)
        return;
    pthread_mutex_lock(&pages->progress->mutex);
    const struct recent_sample sample = take_sample(pages->progress, clock_monotonic());
    recent_add(&pages->recent, &sample);
    pthread_mutex_unlock(&pages->progress->mutex);
}

/* ---- the server's thread ---- */

static void add_lags(const struct progress *p, struct view *view)
{
    bool known = true;
    for (size_t i = 0; i < p->partition_count; i++) {
        if (!p->partitions[i].assigned)
            continue;
        double lag = progress_lag(&p->partitions[i]), seconds = progress_lag_seconds(&p->partitions[i]);
        known = known && lag >= 0;
        view->lag += lag > 0 ? lag : 0;
        view->lag_seconds = seconds > view->lag_seconds ? seconds : view->lag_seconds;
    }
    if (!known)
        view->lag = -1;
}

static struct view take_view(const struct pages *pages)
{
    const struct progress *p = pages->progress;
    struct view view = {.settings = pages->settings, .progress = p, .now = clock_monotonic()};
    const struct recent_sample sample = take_sample(p, view.now);
    view.uptime = (double)(view.now - pages->started) / SECOND;
    view.recent = recent_rates(&pages->recent, &sample);
    view.kafka = !p->kafka_heard ? *p->kafka_trouble ? "unreachable" : "connecting"
                 : view.now - p->kafka_heard > kafka_silence ? "unreachable"
                                                             : "connected";
    view.database = p->database_up ? "connected" : p->counts.database_failures ? "away" : "connecting";
    view.healthy = view.now - p->beat < longest_step;
    view.ready = view.healthy && p->database_up && strcmp(view.kafka, "connected") == 0;
    add_lags(p, &view);
    return view;
}

void view_problems(const struct view *view, void (*say)(void *context, const char *problem), void *context)
{
    const struct progress *p = view->progress;
    char text[PROGRESS_TROUBLE_SIZE + 64];
    if (!view->healthy)
        say(context, stuck);
    if (!p->database_up) {
        snprintf(text, sizeof text, "database: %s for %.0f s: %s", view->database,
                 (double)(view->now - p->database_since) / SECOND, p->database_trouble);
        say(context, text);
    }
    if (strcmp(view->kafka, "connected") != 0) {
        snprintf(text, sizeof text, "Kafka: %s%s%s", view->kafka, *p->kafka_trouble ? ": " : "",
                 p->kafka_trouble);
        say(context, text);
    }
}

static void write_report(enum http_report report, const struct view *view, struct http_answer *answer)
{
    switch (report) {
    case REPORT_METRICS:
        metrics_page_write(view, answer->body);
        break;
    case REPORT_HEALTH:
        http_report_health(answer, view->healthy ? NULL : stuck);
        break;
    case REPORT_READINESS:
        http_report_readiness(answer, view->ready);
        view_problems(view, http_report_problem, answer);
        break;
    case REPORT_STATUS:
        status_page_write(view, answer->body);
        break;
    case REPORTS:
        break;
    }
}

static void on_request(void *context, const char *path, struct http_answer *answer)
{
    struct pages *pages = context;
    enum http_report report = http_report_find(path, answer);
    if (report == REPORTS)
        return;
    pthread_mutex_lock(&pages->progress->mutex);
    const struct view view = take_view(pages);
    write_report(report, &view, answer);
    pthread_mutex_unlock(&pages->progress->mutex);
}

struct pages *pages_open(const struct store_settings *settings, struct progress *progress,
                         struct error *error)
{
    struct pages *pages = calloc(1, sizeof *pages);
    if (!pages)
        out_of_memory(sizeof *pages);
    *pages = (struct pages){.settings = settings, .progress = progress, .started = clock_monotonic()};
    pages->server =
        http_server_open(&settings->http.address, &settings->http.hosts, on_request, pages, error);
    if (!pages->server) {
        free(pages);
        return NULL;
    }
    pages->announcement =
        announcement_make("store", settings->group, NULL, http_server_address(pages->server));
    return pages;
}

void pages_close(struct pages *pages)
{
    if (!pages)
        return;
    announcement_withdraw(pages->announcement);
    http_server_close(pages->server);
    free(pages);
}
