#include "report.h"

#include "core/json_text.h"
#include "http/prometheus.h"
#include "http/reports.h"
#include "status/bridges.h"

#include <unistd.h>

/* ---- /metrics ---- */

static double messages_of(const struct room_counts *counts)
{
    return (double)counts->messages;
}

static double left_out_of(const struct room_counts *counts)
{
    return (double)counts->left_out;
}

static double points_of(const struct room_counts *counts)
{
    return (double)counts->points;
}

static const struct {
    enum prometheus_type type;
    const char *name, *help;
    double (*value)(const struct room_counts *counts);
} topic_metrics[] = {
    {PROMETHEUS_COUNTER, "roomstream_dashboard_messages_total", "Messages read from Kafka.", messages_of},
    {PROMETHEUS_COUNTER, "roomstream_dashboard_left_out_total",
     "Messages that are in no chart: no readings, or of too many keys.", left_out_of},
    {PROMETHEUS_GAUGE, "roomstream_dashboard_points", "Points of the topic's chart.", points_of},
};

void report_metrics(const struct report *report, struct http_answer *answer)
{
    FILE *out = answer->body;
    for (size_t i = 0; i < sizeof topic_metrics / sizeof *topic_metrics; i++) {
        prometheus_head(out, topic_metrics[i].type, topic_metrics[i].name, topic_metrics[i].help);
        for (size_t k = 0; k < report->settings->topics.count; k++)
            prometheus_sample(out, topic_metrics[i].name, topic_metrics[i].value(&report->topics[k]), "topic",
                              report->settings->topics.items[k], NULL);
    }
    prometheus_gauge(out, "roomstream_dashboard_kafka_connected", "1 while Kafka answers.",
                     report->feed.connected);
    prometheus_gauge(out, "roomstream_dashboard_caught_up", "1 once the history is read.",
                     report->feed.caught_up);
    prometheus_gauge(out, "roomstream_dashboard_clients", "Pages that are open.",
                     (double)report->clients.clients);
    prometheus_counter(out, "roomstream_dashboard_clients_refused_total", "Pages beyond --clients.",
                       (double)report->clients.refused);
    prometheus_counter(out, "roomstream_dashboard_clients_cut_off_total",
                       "Pages that fell behind or took nothing.", (double)report->clients.cut_off);
    prometheus_process(out);
}

/* ---- health ---- */

static bool is_ready(const struct report *report)
{
    return report->feed.connected && report->feed.caught_up && !report->stuck;
}

/* The first thing that is not well, or NULL. */
static const char *problem(const struct report *report)
{
    if (report->stuck)
        return report->stuck;
    if (*report->feed.trouble)
        return report->feed.trouble;
    if (!report->feed.connected)
        return "not connected to Kafka yet";
    return report->feed.caught_up ? NULL : "what Kafka has is still being read";
}

void report_health(const struct report *report, struct http_answer *answer)
{
    http_report_health(answer, report->stuck);
}

void report_readiness(const struct report *report, struct http_answer *answer)
{
    http_report_readiness(answer, is_ready(report));
    if (!is_ready(report))
        http_report_problem(answer, problem(report));
}

/* ---- /status ---- */

static json_t *topics(const struct report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->settings->topics.count; i++) {
        const struct room_counts *counts = &report->topics[i];
        json_array_append_new(
            list,
            json_pack("{s:s, s:I, s:I, s:I, s:I}", "topic", report->settings->topics.items[i], "messages",
                      (json_int_t)counts->messages, "left_out", (json_int_t)counts->left_out, "series",
                      (json_int_t)counts->series, "points", (json_int_t)counts->points));
    }
    return list;
}

static json_int_t all_messages(const struct report *report)
{
    json_int_t sum = 0;
    for (size_t i = 0; i < report->settings->topics.count; i++)
        sum += (json_int_t)report->topics[i].messages;
    return sum;
}

void report_status(const struct report *report, struct http_answer *answer)
{
    const char *trouble = problem(report);
    json_t *problems = json_array();
    if (trouble)
        json_array_append_new(problems, json_text(trouble));
    json_t *status = json_pack(
        "{s:s, s:s, s:i, s:f, s:b, s:b, s:o, s:{s:s, s:o, s:o}, s:{s:I}, s:{s:f}, s:{s:I, s:I, s:I, s:I}, s:o}",
        "dashboard", "dashboard", "version", ROOMSTREAM_VERSION, "pid", (int)getpid(), "uptime_seconds",
        report->uptime, "healthy", !report->stuck, "ready", is_ready(report), "problems", problems, "kafka",
        "state", report->feed.connected ? "connected" : "connecting", "brokers",
        json_text(report->settings->kafka.brokers), "trouble", json_text(report->feed.trouble), "messages",
        "received", all_messages(report), "recent", "received_per_second", report->rate, "clients", "now",
        (json_int_t)report->clients.clients, "served", (json_int_t)report->clients.served, "refused",
        (json_int_t)report->clients.refused, "cut_off", (json_int_t)report->clients.cut_off, "topics",
        topics(report));
    http_report_status(status, answer->body);
}
