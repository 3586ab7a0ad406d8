#include "status_page.h"

#include "mqtt/mqtt.h"
#include "snapshot.h"

#include "core/json_text.h"
#include "http/reports.h"

#include <jansson.h>
#include <unistd.h>

static void set_bridge(const struct snapshot *snapshot, json_t *status)
{
    json_t *problems = json_array();
    snapshot_problems(snapshot, http_report_list_problem, problems);
    json_object_set_new(status, "bridge", json_text(snapshot->sources->settings->name));
    json_object_set_new(status, "version", json_string(ROOMSTREAM_VERSION));
    json_object_set_new(status, "pid", json_integer(getpid()));
    json_object_set_new(status, "uptime_seconds", json_real(snapshot->uptime));
    json_object_set_new(status, "delivery", json_string(snapshot_delivery(snapshot)));
    json_object_set_new(status, "healthy", json_boolean(snapshot_is_healthy(snapshot)));
    json_object_set_new(status, "ready", json_boolean(snapshot_is_ready(snapshot)));
    json_object_set_new(status, "problems", problems);
}

static void set_sides(const struct snapshot *snapshot, json_t *status)
{
    const struct bridge_settings *settings = snapshot->sources->settings;
    json_object_set_new(status, "mqtt",
                        json_pack("{s:s, s:o, s:o, s:o}", "state", snapshot_mqtt_state(snapshot), "broker",
                                  json_text(settings->mqtt.address.uri), "topic", json_text(settings->filter),
                                  "client_id", json_text(settings->mqtt.client_id)));
    json_object_set_new(status, "kafka",
                        json_pack("{s:s, s:o, s:o, s:o}", "state", snapshot_kafka_state(snapshot), "brokers",
                                  json_text(settings->kafka.brokers), "topic",
                                  json_text(settings->kafka_topic), "trouble", json_text(snapshot->trouble)));
}

static void set_routes(const struct snapshot *snapshot, json_t *status)
{
    const struct bridge_settings *settings = snapshot->sources->settings;
    const struct counters *m = snapshot->sources->counters;
    if (settings->routes)
        json_object_set_new(status, "routes",
                            json_pack("{s:I, s:I, s:I, s:I}", "count",
                                      (json_int_t)routes_count(settings->routes), "copies_dropped",
                                      (json_int_t)m->copies, "kafka_topics", (json_int_t)m->topics,
                                      "kafka_topics_max", (json_int_t)settings->topic_max));
}

static void set_messages(const struct snapshot *snapshot, json_t *status)
{
    const struct spool_ledger *ledger = &snapshot->ledger;
    json_object_set_new(status, "messages",
                        json_pack("{s:I, s:I, s:I, s:I, s:I}", "received", (json_int_t)ledger->received,
                                  "delivered", (json_int_t)ledger->delivered, "spooled",
                                  (json_int_t)ledger->spooled, "dead_lettered", (json_int_t)ledger->dead,
                                  "in_flight", (json_int_t)snapshot->spool.in_flight));
    json_object_set_new(status, "dead_letters",
                        json_pack("{s:I, s:I, s:I, s:I}", "count", (json_int_t)snapshot->dead_letters,
                                  "bytes", (json_int_t)snapshot->dead_letters_bytes, "announced",
                                  (json_int_t)snapshot->announced.announced, "not_announced",
                                  (json_int_t)snapshot->announced.given_up));
    json_object_set_new(status, "spool",
                        json_pack("{s:o, s:I, s:I, s:o}", "folder",
                                  json_text(snapshot->sources->settings->spool_directory), "bytes",
                                  (json_int_t)snapshot->spool.bytes, "max_bytes",
                                  (json_int_t)snapshot->spool.max_bytes, "oldest_seconds",
                                  json_known(ledger->spooled ? snapshot->oldest_age : -1)));
}

void status_page_write(const struct snapshot *snapshot, FILE *out)
{
    json_t *status = json_object();
    set_bridge(snapshot, status);
    set_sides(snapshot, status);
    set_routes(snapshot, status);
    set_messages(snapshot, status);
    json_object_set_new(status, "recent",
                        recent_json(&snapshot->recent, "received_per_second", "delivered_per_second"));
    http_report_status(status, out);
}
