#include "server.h"

#include "assets.h"
#include "core/clock.h"
#include "core/json_stream.h"
#include "core/log.h"
#include "http/announcement.h"
#include "http/events.h"
#include "http/reports.h"
#include "page.h"
#include "report.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A thread without a step for so long hangs. */
static const int64_t longest_step = MINUTE;

static const int64_t second = 900 * MILLISECOND; /* steps that are a little shorter still count as one */

struct server {
    struct server_sources sources;
    struct http_events *events;
    struct http_server *http;
    struct announcement *announcement; /* NULL: it could not be made */
    char *page;
    size_t page_length;
    int64_t started;        /* monotonic ns */
    _Atomic int64_t ticked; /* monotonic ns: when the main thread last was here */
    _Atomic double rate;    /* messages a second, of the last second */
    /* The main thread's: */
    int64_t sampled, published; /* monotonic ns */
    uint64_t sampled_messages, published_messages;
    unsigned long published_programs; /* version */
};

static size_t topic_count(const struct server *s)
{
    return s->sources.settings->topics.count;
}

static uint64_t count_messages(const struct server *s)
{
    uint64_t messages = 0;
    for (size_t i = 0; i < topic_count(s); i++)
        messages += room_counts(s->sources.room, i).messages;
    return messages;
}

/* ---- events ---- */

static void write_bytes(void *out, const void *data, size_t length)
{
    fwrite(data, 1, length, out);
}

static void write_event(const struct server *s, const char *name, bool all, bool programs, FILE *out)
{
    const struct feed_state state = feed_state(s->sources.feed);
    http_events_begin(out, name);
    fprintf(out,
            "{\"feed\":{\"connected\":%s,\"caught_up\":%s,\"trouble\":", state.connected ? "true" : "false",
            state.caught_up ? "true" : "false");
    json_write_string(write_bytes, out, state.trouble, strlen(state.trouble));
    fputs("},\"room\":", out);
    room_write(s->sources.room, all, out);
    if (programs) {
        fputs(",\"programs\":", out);
        programs_write(s->sources.programs, out);
    }
    fputc('}', out);
    http_events_finish(out);
}

/* For a page that has just been opened. A browser reconnects a second after it has lost the server. */
static void write_history(void *context, FILE *out)
{
    fputs("retry: 1000\n", out);
    write_event(context, "history", true, true, out);
}

static void publish(struct server *s)
{
    char *text = NULL;
    size_t length;
    unsigned long programs = programs_version(s->sources.programs);
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return;
    write_event(s, "news", false, programs != s->published_programs, out);
    if (fclose(out) == 0)
        http_events_publish(s->events, text, length);
    free(text);
    s->published_programs = programs;
}

void server_tick(struct server *s)
{
    int64_t now = clock_monotonic();
    uint64_t messages = count_messages(s);
    s->ticked = now;
    if (now - s->sampled >= second) {
        s->rate = (double)(messages - s->sampled_messages) * SECOND / (double)(now - s->sampled);
        s->sampled = now;
        s->sampled_messages = messages;
        room_tick(s->sources.room);
    }
    if (messages == s->published_messages && now - s->published < second)
        return;
    s->published = now;
    s->published_messages = messages;
    publish(s);
}

/* ---- the server's thread ---- */

static void take_report(struct server *s, struct report *report)
{
    int64_t now = clock_monotonic();
    *report = (struct report){.settings = s->sources.settings,
                              .feed = feed_state(s->sources.feed),
                              .uptime = (double)(now - s->started) / SECOND,
                              .rate = s->rate,
                              .clients = http_events_counts(s->events)};
    if (now - s->ticked > longest_step)
        report->stuck = "the main thread has not moved for a minute";
    else if (feed_still(s->sources.feed) > longest_step)
        report->stuck = "the thread that reads Kafka has not moved for a minute";
    for (size_t i = 0; i < topic_count(s); i++)
        report->topics[i] = room_counts(s->sources.room, i);
}

static void (*const answers[REPORTS])(const struct report *report, struct http_answer *answer) = {
    [REPORT_METRICS] = report_metrics,
    [REPORT_HEALTH] = report_health,
    [REPORT_READINESS] = report_readiness,
    [REPORT_STATUS] = report_status,
};

static const char javascript[] = "text/javascript; charset=utf-8", css[] = "text/css; charset=utf-8";

static const struct {
    const char *path, *content_type;
    const unsigned char *bytes;
    const size_t *size;
} files[] = {
    {"/page.js", javascript, asset_page_js, &asset_page_js_size},
    {"/page.css", css, asset_page_css, &asset_page_css_size},
    {"/icon.svg", "image/svg+xml", asset_icon, &asset_icon_size},
    {"/dygraph.js", javascript, asset_dygraph_js, &asset_dygraph_js_size},
    {"/dygraph.css", css, asset_dygraph_css, &asset_dygraph_css_size},
    {"/licences/dygraphs.txt", "text/plain; charset=utf-8", asset_dygraph_licence,
     &asset_dygraph_licence_size},
};

static bool answer_file(const char *path, struct http_answer *answer)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(path, files[i].path) == 0) {
            answer->content_type = files[i].content_type;
            answer->constant = files[i].bytes;
            answer->constant_length = *files[i].size;
            return true;
        }
    return false;
}

static void answer_report(struct server *s, const char *path, struct http_answer *answer)
{
    enum http_report which = http_report_find(path, answer);
    struct report report;
    if (which == REPORTS)
        return;
    take_report(s, &report);
    answers[which](&report, answer);
}

static void on_request(void *context, const char *path, struct http_answer *answer)
{
    struct server *s = context;
    if (strcmp(path, "/") == 0) {
        answer->content_type = "text/html; charset=utf-8";
        answer->constant = s->page;
        answer->constant_length = s->page_length;
    } else if (strcmp(path, "/events") == 0)
        answer->events = true;
    else if (!answer_file(path, answer))
        answer_report(s, path, answer);
}

/* ---- opening ---- */

static bool serve(struct server *s, struct error *error)
{
    const struct dashboard_settings *settings = s->sources.settings;
    char address[HTTP_ADDRESS_SIZE];
    s->http = http_server_open_with_events(&settings->address, &settings->http_hosts, on_request, s,
                                           s->events, error);
    if (!s->http)
        return false;
    http_address_format(http_server_address(s->http), address);
    log_info_with(http_listening, LOG_FIELDS(LOG_TEXT("address", address)),
                  "the page is at http://%s/, and /metrics, /healthz, /readyz and /status beside it",
                  address);
    s->announcement = announcement_make("dashboard", "dashboard", NULL, http_server_address(s->http));
    return true;
}

struct server *server_open(const struct server_sources *sources, struct error *error)
{
    const struct dashboard_settings *settings = sources->settings;
    struct server *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(error, "out of memory");
        return NULL;
    }
    s->sources = *sources;
    s->started = s->sampled = clock_monotonic();
    s->ticked = s->started;
    size_t people = settings->people ? topic_count(s) - 1 : topic_count(s);
    s->page = page_make(&settings->topics, people, settings->note, &s->page_length);
    if (!s->page)
        error_set(error, "out of memory");
    else
        s->events = http_events_new((size_t)settings->clients, write_history, s, error);
    if (s->events && serve(s, error))
        return s;
    server_close(s);
    return NULL;
}

void server_close(struct server *s)
{
    if (!s)
        return;
    announcement_withdraw(s->announcement);
    http_server_close(s->http);
    http_events_free(s->events);
    free(s->page);
    free(s);
}
