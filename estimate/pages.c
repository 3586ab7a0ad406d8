#include "pages.h"

#include "record.h"

#include "core/clock.h"
#include "core/json_text.h"
#include "core/out_of_memory.h"
#include "http/announcement.h"
#include "http/prometheus.h"
#include "http/recent.h"
#include "http/reports.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME(rest) "roomstream_estimate_" rest

static const int64_t longest_step = 30 * SECOND; /* a call to Kafka that is not answered takes some seconds */
static const char stuck[] = "the main thread has not moved for 30 s";
static const int64_t sample_interval = SECOND;

struct pages {
    const struct estimate_settings *settings;
    struct http_server *server;
    struct announcement *announcement; /* NULL: it could not be made */
    int64_t started, next_sample;      /* monotonic ns */

    pthread_mutex_t mutex; /* guards what follows */
    struct figures figures;
    int64_t shown; /* monotonic ns */
    struct recent recent;
};

/* A copy for one answer. */
struct view {
    const struct estimate_settings *settings;
    struct figures figures;
    struct recent_rates recent;
    double uptime;
    bool healthy, ready;
};

static void write_metrics(const struct view *view, FILE *out)
{
    const struct figures *f = &view->figures;
    prometheus_build_info(out, NAME("build_info"), rd_kafka_version_str());
    prometheus_counter(out, NAME("readings_total"), "Messages taken from the topics of the sensors.",
                       (double)f->readings);
    prometheus_head(
        out, PROMETHEUS_COUNTER, NAME("readings_ignored_total"),
        "Of these: doubled, come when their time was over (late), of no input of the model (foreign), no reading "
        "(unreadable).");
    prometheus_sample(out, NAME("readings_ignored_total"), (double)f->doubled, "reason", "doubled", NULL);
    prometheus_sample(out, NAME("readings_ignored_total"), (double)f->late, "reason", "late", NULL);
    prometheus_sample(out, NAME("readings_ignored_total"), (double)f->foreign, "reason", "foreign", NULL);
    prometheus_sample(out, NAME("readings_ignored_total"), (double)f->unreadable, "reason", "unreadable",
                      NULL);
    prometheus_counter(out, NAME("messages_expired_total"),
                       "Messages that Kafka deleted before they were taken.", (double)f->expired);
    prometheus_counter(out, NAME("records_total"), "Records in committed transactions, one a moment.",
                       (double)f->estimates);
    prometheus_counter(out, NAME("records_with_old_inputs_total"),
                       "Of these: with an input whose last reading before was taken.", (double)f->with_old);
    prometheus_counter(out, NAME("records_without_estimate_total"),
                       "Of these: without an estimate, as inputs were missing.", (double)f->without);
    prometheus_counter(out, NAME("transactions_total"), "Transactions committed.", (double)f->transactions);
    prometheus_counter(out, NAME("producers_replaced_total"),
                       "Producers given up after a failure or a late answer.", (double)f->producers_replaced);
    prometheus_gauge(out, NAME("waiting_readings"), "Readings whose moment is not complete.",
                     (double)f->waiting);
    prometheus_gauge(out, NAME("lag_messages"), "Messages that are not taken yet.", (double)f->lag);
    if (f->seq > 0)
        prometheus_gauge(out, NAME("last_moment_timestamp_seconds"),
                         "Recorded time of the last record, as if it were UTC.", (double)f->time / SECOND);
    if (f->known)
        prometheus_gauge(out, NAME("people"), "The last estimate.", (double)f->people);
    prometheus_gauge(out, NAME("ready"), "As /readyz: 1 while readings are taken and records written.",
                     view->ready);
    prometheus_gauge(out, NAME("healthy"), "As /healthz: 1 while the main thread moves.", view->healthy);
    prometheus_process(out);
}

static json_t *last_record(const struct figures *f)
{
    char time[RECORD_TIME_MAX];
    if (f->seq == 0)
        return json_null();
    record_time(f->time, f->utc, time);
    return json_pack("{s:I, s:s, s:o}", "seq", (json_int_t)f->seq, "time", time, "estimate",
                     f->known ? json_integer(f->people) : json_null());
}

static json_t *problems(const struct view *view)
{
    json_t *list = json_array();
    if (!view->healthy)
        json_array_append_new(list, json_text(stuck));
    if (*view->figures.trouble)
        json_array_append_new(list, json_text(view->figures.trouble));
    return list;
}

static json_t *recent(const struct view *view)
{
    const struct recent_rates *rates = &view->recent;
    return json_pack("{s:f, s:f, s:f}", "seconds", rates->seconds, "consumed_per_second", rates->received,
                     "written_per_second", rates->delivered);
}

static void write_status(const struct view *view, FILE *out)
{
    const struct figures *f = &view->figures;
    json_t *status = json_pack(
        "{s:s, s:s, s:i, s:f, s:b, s:b, s:o, s:{s:s, s:o, s:o}, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I}, s:o, s:o}",
        "estimate", view->settings->id, "version", ROOMSTREAM_VERSION, "pid", (int)getpid(), "uptime_seconds",
        view->uptime, "healthy", (int)view->healthy, "ready", (int)view->ready, "problems", problems(view),
        "kafka", "state", f->running ? "connected" : "connecting", "brokers",
        json_text(view->settings->kafka.brokers), "topic", json_text(view->settings->topic.name), "readings",
        "taken", (json_int_t)f->readings, "doubled", (json_int_t)f->doubled, "late", (json_int_t)f->late,
        "foreign", (json_int_t)f->foreign, "unreadable", (json_int_t)f->unreadable, "waiting",
        (json_int_t)f->waiting, "lag", (json_int_t)f->lag, "expired", (json_int_t)f->expired, "records",
        "written", (json_int_t)f->estimates, "with_old_inputs", (json_int_t)f->with_old, "without_estimate",
        (json_int_t)f->without, "recent", recent(view), "last", last_record(f));
    http_report_status(status, out);
}

/* Why it is not ready. */
static const char *problem(const struct view *view)
{
    const char *trouble = view->figures.trouble;
    return !view->healthy ? stuck : *trouble ? trouble : "connecting to Kafka";
}

static void write_report(enum http_report report, const struct view *view, struct http_answer *answer)
{
    switch (report) {
    case REPORT_METRICS:
        write_metrics(view, answer->body);
        break;
    case REPORT_HEALTH:
        http_report_health(answer, view->healthy ? NULL : stuck);
        break;
    case REPORT_READINESS:
        http_report_readiness(answer, view->ready);
        if (!view->ready)
            http_report_problem(answer, problem(view));
        break;
    case REPORT_STATUS:
        write_status(view, answer->body);
        break;
    case REPORTS:
        break;
    }
}

static struct recent_sample sample_of(const struct figures *figures, int64_t now)
{
    return (struct recent_sample){
        .time = now, .received = figures->readings, .delivered = figures->estimates};
}

static struct view take_view(struct pages *pages)
{
    int64_t now = clock_monotonic();
    pthread_mutex_lock(&pages->mutex);
    struct view view = {.settings = pages->settings, .figures = pages->figures};
    const struct recent_sample sample = sample_of(&view.figures, now);
    view.recent = recent_rates(&pages->recent, &sample);
    view.healthy = now - pages->shown < longest_step;
    pthread_mutex_unlock(&pages->mutex);
    view.ready = view.healthy && view.figures.running;
    view.uptime = (double)(now - pages->started) / SECOND;
    return view;
}

static void on_request(void *context, const char *path, struct http_answer *answer)
{
    enum http_report report = http_report_find(path, answer);
    if (report == REPORTS)
        return;
    const struct view view = take_view(context);
    write_report(report, &view, answer);
}

struct pages *pages_open(const struct estimate_settings *settings, struct error *error)
{
    struct pages *pages = calloc(1, sizeof *pages);
    if (!pages)
        out_of_memory(sizeof *pages);
    int64_t now = clock_monotonic();
    *pages = (struct pages){.settings = settings, .started = now, .shown = now};
    pthread_mutex_init(&pages->mutex, NULL);
    pages->server =
        http_server_open(&settings->http.address, &settings->http.hosts, on_request, pages, error);
    if (!pages->server) {
        pages_close(pages);
        return NULL;
    }
    pages->announcement =
        announcement_make("estimate", settings->id, NULL, http_server_address(pages->server));
    return pages;
}

void pages_show(struct pages *pages, const struct figures *figures)
{
    if (!pages)
        return;
    int64_t now = clock_monotonic();
    pthread_mutex_lock(&pages->mutex);
    pages->figures = *figures;
    pages->shown = now;
    if (now >= pages->next_sample) {
        const struct recent_sample sample = sample_of(figures, now);
        recent_add(&pages->recent, &sample);
        pages->next_sample = now + sample_interval;
    }
    pthread_mutex_unlock(&pages->mutex);
}

void pages_close(struct pages *pages)
{
    if (!pages)
        return;
    announcement_withdraw(pages->announcement);
    http_server_close(pages->server);
    pthread_mutex_destroy(&pages->mutex);
    free(pages);
}
