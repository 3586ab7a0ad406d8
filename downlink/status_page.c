#include "pages.h"

#include "core/json_text.h"
#include "core/utf8.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

/* A text as JSON; what is not UTF-8 (a message that was cut) becomes '?'. */
static json_t *words(const char *text)
{
    char valid[1024];
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

static json_t *partitions(const struct view *view)
{
    json_t *all = json_array();
    for (size_t i = 0; i < view->partition_count; i++) {
        const struct partition_view *one = &view->partitions[i];
        json_array_append_new(all, json_pack("{s:s, s:i, s:I, s:o, s:o}", "topic", one->topic, "partition",
                                             (int)one->partition, "position", (json_int_t)one->position,
                                             "lag_messages", number(one->lag), "lag_seconds",
                                             number(one->lag_seconds)));
    }
    return all;
}

static json_t *messages(const struct view *view)
{
    const struct counts *counts = &view->counts;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "consumed", (json_int_t)counts->consumed, "sent",
                     (json_int_t)counts->sent, "dead", (json_int_t)counts->dead, "skipped",
                     (json_int_t)counts->skipped, "returned", (json_int_t)counts->returned, "in_flight",
                     (json_int_t)counts_in_flight(counts), "lag", number(view->lag));
}

static json_t *recent(const struct view *view)
{
    const struct recent_rates *rates = &view->recent;
    return json_pack("{s:f, s:f, s:f, s:o, s:o}", "seconds", rates->seconds, "consumed_per_second",
                     rates->received, "sent_per_second", rates->delivered, "latency_p50_seconds",
                     number(rates->p50), "latency_p99_seconds", number(rates->p99));
}

void status_page_write(const struct view *view, FILE *out)
{
    const struct downlink_settings *settings = view->settings;
    json_t *problems = json_array(), *status = json_object();
    view_problems(view, add_problem, problems);
    json_object_set_new(status, "downlink", words(settings->name));
    json_object_set_new(status, "version", json_string(ROOMSTREAM_VERSION));
    json_object_set_new(status, "pid", json_integer(getpid()));
    json_object_set_new(status, "uptime_seconds", json_real(view->uptime));
    json_object_set_new(status, "healthy", json_boolean(view->healthy));
    json_object_set_new(status, "ready", json_boolean(view->ready));
    json_object_set_new(status, "problems", problems);
    json_object_set_new(status, "mqtt",
                        json_pack("{s:s, s:o, s:o}", "state", view->mqtt, "broker",
                                  words(settings->mqtt.address.uri), "to", words(settings->to)));
    json_object_set_new(status, "kafka",
                        json_pack("{s:s, s:o, s:o, s:o}", "state", view->kafka, "brokers",
                                  words(settings->kafka.brokers), "group", words(settings->group), "trouble",
                                  words(view->kafka_trouble)));
    json_object_set_new(status, "messages", messages(view));
    json_object_set_new(status, "lag_seconds", number(view->lag_seconds));
    json_object_set_new(status, "dead_letters", json_pack("{s:I}", "count", (json_int_t)view->dead_letters));
    json_object_set_new(status, "recent", recent(view));
    json_object_set_new(status, "partitions", partitions(view));
    json_print(status, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    fputc('\n', out);
    json_decref(status);
}
