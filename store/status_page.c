#include "pages.h"

#include "core/json_text.h"
#include "http/reports.h"

#include <jansson.h>
#include <unistd.h>

static json_t *partitions(const struct progress *p)
{
    json_t *all = json_array();
    for (size_t i = 0; i < p->partition_count; i++) {
        const struct progress_partition *one = &p->partitions[i];
        if (one->assigned)
            json_array_append_new(all,
                                  json_pack("{s:s, s:i, s:I, s:o, s:o}", "topic", one->topic, "partition",
                                            (int)one->partition, "position", (json_int_t)one->stored,
                                            "lag_messages", json_known(progress_lag(one)), "lag_seconds",
                                            json_known(progress_lag_seconds(one))));
    }
    return all;
}

static json_t *messages(const struct view *view)
{
    const struct progress_counts *counts = &view->progress->counts;
    return json_pack("{s:I, s:I, s:I, s:o}", "consumed", (json_int_t)counts->consumed, "stored",
                     (json_int_t)counts->stored, "rejected", (json_int_t)counts->rejected, "lag",
                     json_known(view->lag));
}

void status_page_write(const struct view *view, FILE *out)
{
    char shown[256];
    json_t *problems = json_array();
    const struct progress *p = view->progress;
    database_shown(view->settings->database, shown, sizeof shown);
    view_problems(view, http_report_list_problem, problems);
    json_t *status = json_pack(
        "{s:s, s:s, s:i, s:f, s:b, s:b, s:o, s:{s:s, s:o, s:o}, s:{s:s, s:o, s:o, s:o}, s:o, s:o, s:o, s:o}",
        "store", "store", "version", ROOMSTREAM_VERSION, "pid", (int)getpid(), "uptime_seconds", view->uptime,
        "healthy", (int)view->healthy, "ready", (int)view->ready, "problems", problems, "database", "state",
        view->database, "address", json_text(shown), "trouble", json_text(p->database_trouble), "kafka",
        "state", view->kafka, "brokers", json_text(view->settings->kafka.brokers), "group",
        json_text(view->settings->group), "trouble", json_text(p->kafka_trouble), "messages", messages(view),
        "lag_seconds", json_known(view->lag_seconds), "recent",
        recent_json(&view->recent, "consumed_per_second", "stored_per_second"), "partitions", partitions(p));
    http_report_status(status, out);
}
