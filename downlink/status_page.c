#include "pages.h"

#include "core/json_text.h"
#include "http/reports.h"

#include <jansson.h>
#include <unistd.h>

static json_t *partitions(const struct view *view)
{
    json_t *all = json_array();
    for (size_t i = 0; i < view->partition_count; i++) {
        const struct partition_view *one = &view->partitions[i];
        json_array_append_new(all, json_pack("{s:s, s:i, s:I, s:o, s:o}", "topic", one->topic, "partition",
                                             (int)one->partition, "position", (json_int_t)one->position,
                                             "lag_messages", json_known(one->lag), "lag_seconds",
                                             json_known(one->lag_seconds)));
    }
    return all;
}

static json_t *messages(const struct view *view)
{
    const struct counts *counts = &view->counts;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "consumed", (json_int_t)counts->consumed, "sent",
                     (json_int_t)counts->sent, "dead", (json_int_t)counts->dead, "skipped",
                     (json_int_t)counts->skipped, "returned", (json_int_t)counts->returned, "in_flight",
                     (json_int_t)counts_in_flight(counts), "lag", json_known(view->lag));
}

void status_page_write(const struct view *view, FILE *out)
{
    const struct downlink_settings *settings = view->settings;
    json_t *problems = json_array(), *status = json_object();
    view_problems(view, http_report_list_problem, problems);
    json_object_set_new(status, "downlink", json_text(settings->name));
    json_object_set_new(status, "version", json_string(ROOMSTREAM_VERSION));
    json_object_set_new(status, "pid", json_integer(getpid()));
    json_object_set_new(status, "uptime_seconds", json_real(view->uptime));
    json_object_set_new(status, "healthy", json_boolean(view->healthy));
    json_object_set_new(status, "ready", json_boolean(view->ready));
    json_object_set_new(status, "problems", problems);
    json_object_set_new(status, "mqtt",
                        json_pack("{s:s, s:o, s:o}", "state", view->mqtt, "broker",
                                  json_text(settings->mqtt.address.uri), "to", json_text(settings->to)));
    json_object_set_new(status, "kafka",
                        json_pack("{s:s, s:o, s:o, s:o}", "state", view->kafka, "brokers",
                                  json_text(settings->kafka.brokers), "group", json_text(settings->group),
                                  "trouble", json_text(view->kafka_trouble)));
    json_object_set_new(status, "messages", messages(view));
    json_object_set_new(status, "lag_seconds", json_known(view->lag_seconds));
    json_object_set_new(status, "dead_letters",
                        json_pack("{s:I, s:I, s:I}", "count", (json_int_t)view->dead_letters, "announced",
                                  (json_int_t)view->announced.announced, "not_announced",
                                  (json_int_t)view->announced.given_up));
    json_object_set_new(status, "recent",
                        recent_json(&view->recent, "consumed_per_second", "sent_per_second"));
    json_object_set_new(status, "partitions", partitions(view));
    http_report_status(status, out);
}
