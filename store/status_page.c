#include "pages.h"

#include "core/json_text.h"
#include "core/utf8.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

/* A text as JSON; what is not UTF-8 (a message that was cut) becomes '?'. */
static json_t *words(const char *text)
{
    char valid[PROGRESS_TROUBLE_SIZE + 64];
    size_t length = 0;
    while (*text && length + 4 < sizeof valid) {
        size_t size = utf8_length(text);
        memcpy(valid + length, size ? text : "?", size ? size : 1);
        length += size ? size : 1;
        text += size ? size : 1;
    }
    return json_stringn(valid, length);
}

/* What is not known is null. */
static json_t *number(double value)
{
    return value < 0 ? json_null() : json_real(value);
}

static void add_problem(void *context, const char *problem)
{
    json_array_append_new(context, words(problem));
}

static json_t *partitions(const struct progress *p)
{
    json_t *all = json_array();
    for (size_t i = 0; i < p->partition_count; i++) {
        const struct progress_partition *one = &p->partitions[i];
        if (one->assigned)
            json_array_append_new(
                all, json_pack("{s:s, s:i, s:I, s:o, s:o}", "topic", one->topic, "partition",
                               (int)one->partition, "position", (json_int_t)one->stored, "lag_messages",
                               number(progress_lag(one)), "lag_seconds", number(progress_lag_seconds(one))));
    }
    return all;
}

static json_t *messages(const struct view *view)
{
    const struct progress_counts *counts = &view->progress->counts;
    return json_pack("{s:I, s:I, s:I, s:o}", "consumed", (json_int_t)counts->consumed, "stored",
                     (json_int_t)counts->stored, "rejected", (json_int_t)counts->rejected, "lag",
                     number(view->lag));
}

static json_t *recent(const struct view *view)
{
    const struct recent_rates *rates = &view->recent;
    return json_pack("{s:f, s:f, s:f, s:o, s:o}", "seconds", rates->seconds, "consumed_per_second",
                     rates->received, "stored_per_second", rates->delivered, "latency_p50_seconds",
                     number(rates->p50), "latency_p99_seconds", number(rates->p99));
}

void status_page_write(const struct view *view, FILE *out)
{
    char shown[256];
    json_t *problems = json_array();
    const struct progress *p = view->progress;
    database_shown(view->settings->database, shown, sizeof shown);
    view_problems(view, add_problem, problems);
    json_t *status = json_pack(
        "{s:s, s:s, s:i, s:f, s:b, s:b, s:o, s:{s:s, s:o, s:o}, s:{s:s, s:o, s:o, s:o}, s:o, s:o, s:o, s:o}",
        "store", "store", "version", ROOMSTREAM_VERSION, "pid", (int)getpid(), "uptime_seconds", view->uptime,
        "healthy", (int)view->healthy, "ready", (int)view->ready, "problems", problems, "database", "state",
        view->database, "address", words(shown), "trouble", words(p->database_trouble), "kafka", "state",
        view->kafka, "brokers", words(view->settings->kafka.brokers), "group", words(view->settings->group),
        "trouble", words(p->kafka_trouble), "messages", messages(view), "lag_seconds",
        number(view->lag_seconds), "recent", recent(view), "partitions", partitions(p));
    json_print(status, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    fputc('\n', out);
    json_decref(status);
}
