#include "pages.h"

#include "core/clock.h"
#include "core/out_of_memory.h"
#include "http/announcement.h"
#include "http/reports.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const int64_t longest_step = 30 * SECOND; /* of the main thread */
static const char stuck[] = "the main thread has not moved for 30 s";
static const int64_t sample_interval = SECOND;

struct pages {
    const struct downlink_settings *settings;
    struct http_server *server;
    struct announcement *announcement;
    int64_t started, next_sample;
    pthread_mutex_t mutex; /* guards what follows */
    struct view shown;
    struct recent recent;
};

static struct recent_sample sample_of(const struct view *view)
{
    struct recent_sample sample = {
        .time = view->time, .received = view->counts.consumed, .delivered = view->counts.sent};
    memcpy(sample.latency, view->latency, sizeof sample.latency);
    return sample;
}

void pages_show(struct pages *pages, const struct view *view)
{
    pthread_mutex_lock(&pages->mutex);
    free(pages->shown.partitions);
    pages->shown = *view;
    if (view->time >= pages->next_sample) {
        const struct recent_sample sample = sample_of(view);
        recent_add(&pages->recent, &sample);
        pages->next_sample = view->time + sample_interval;
    }
    pthread_mutex_unlock(&pages->mutex);
}

/* ---- the server's thread ---- */

static void add_lags(struct view *view)
{
    bool known = true;
    for (size_t i = 0; i < view->partition_count; i++) {
        const struct partition_view *partition = &view->partitions[i];
        known = known && partition->lag >= 0;
        view->lag += partition->lag > 0 ? partition->lag : 0;
        view->lag_seconds =
            partition->lag_seconds > view->lag_seconds ? partition->lag_seconds : view->lag_seconds;
    }
    if (!known)
        view->lag = -1;
}

/* With the mutex held. */
static struct view complete(const struct pages *pages)
{
    struct view view = pages->shown;
    int64_t now = clock_monotonic();
    const struct recent_sample sample = sample_of(&view);
    view.settings = pages->settings;
    view.uptime = (double)(now - pages->started) / SECOND;
    view.recent = recent_rates(&pages->recent, &sample);
    view.healthy = now - view.time < longest_step;
    view.ready = view.healthy && strcmp(view.mqtt, "connected") == 0 &&
                 strcmp(view.kafka, "connected") == 0 && !view.dead_letter_waits;
    add_lags(&view);
    return view;
}

void view_problems(const struct view *view, void (*say)(void *context, const char *problem), void *context)
{
    char text[700];
    if (!view->healthy)
        say(context, stuck);
    if (strcmp(view->mqtt, "connected") != 0) {
        snprintf(text, sizeof text, "MQTT: %s", view->mqtt);
        say(context, text);
    }
    if (strcmp(view->kafka, "connected") != 0) {
        snprintf(text, sizeof text, "Kafka: %s%s%s", view->kafka, *view->kafka_trouble ? ": " : "",
                 view->kafka_trouble);
        say(context, text);
    }
    if (view->dead_letter_waits)
        say(context, "a dead letter cannot be written, and all messages wait for that");
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
    pthread_mutex_lock(&pages->mutex);
    const struct view view = complete(pages);
    write_report(report, &view, answer);
    pthread_mutex_unlock(&pages->mutex);
}

struct pages *pages_open(const struct downlink_settings *settings, struct error *error)
{
    struct pages *pages = calloc(1, sizeof *pages);
    if (!pages)
        out_of_memory(sizeof *pages);
    *pages = (struct pages){
        .settings = settings,
        .started = clock_monotonic(),
        .shown = {.time = clock_monotonic(), .mqtt = "connecting", .kafka = "waiting for MQTT"},
    };
    pthread_mutex_init(&pages->mutex, NULL);
    pages->server =
        http_server_open(&settings->http.address, &settings->http.hosts, on_request, pages, error);
    if (!pages->server) {
        pthread_mutex_destroy(&pages->mutex);
        free(pages);
        return NULL;
    }
    pages->announcement =
        announcement_make("downlink", settings->name, NULL, http_server_address(pages->server));
    return pages;
}

void pages_close(struct pages *pages)
{
    if (!pages)
        return;
    announcement_withdraw(pages->announcement);
    http_server_close(pages->server);
    free(pages->shown.partitions);
    pthread_mutex_destroy(&pages->mutex);
    free(pages);
}
