#include "status_page.h"

#include "mqtt/mqtt.h"
#include "snapshot.h"

#include "core/json_text.h"
#include "core/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A text as JSON; what is not UTF-8 in it becomes '?' (a cut message, the name of a folder). */
static json_t *words(const char *text)
{
    json_t *value = json_string(text);
    char *copy = value ? NULL : strdup(text);
    if (!copy)
        return value;
    for (char *at = copy; *at;) {
        size_t length = utf8_length(at);
        if (length == 0)
            *at = '?';
        at += length ? length : 1;
    }
    value = json_string(copy);
    free(copy);
    return value;
}

/* An unknown time is null. */
static json_t *seconds(double value)
{
    return value < 0 ? json_null() : json_real(value);
}

static void add_problem(void *context, const char *problem)
{
    json_array_append_new(context, words(problem));
}

static void set_bridge(const struct snapshot *snapshot, json_t *status)
{
    json_t *problems = json_array();
    snapshot_problems(snapshot, add_problem, problems);
    json_object_set_new(status, "bridge", words(snapshot->sources->settings->name));
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
                                  words(settings->mqtt.address.uri), "topic", words(settings->filter),
                                  "client_id", words(settings->mqtt.client_id)));
    json_object_set_new(status, "kafka",
                        json_pack("{s:s, s:o, s:o, s:o}", "state", snapshot_kafka_state(snapshot), "brokers",
                                  words(settings->kafka.brokers), "topic", words(settings->kafka_topic),
                                  "trouble", words(snapshot->trouble)));
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
                        json_pack("{s:I, s:I}", "count", (json_int_t)snapshot->dead_letters, "bytes",
                                  (json_int_t)snapshot->dead_letters_bytes));
    json_object_set_new(status, "spool",
                        json_pack("{s:o, s:I, s:I, s:o}", "folder",
                                  words(snapshot->sources->settings->spool_directory), "bytes",
                                  (json_int_t)snapshot->spool.bytes, "max_bytes",
                                  (json_int_t)snapshot->spool.max_bytes, "oldest_seconds",
                                  seconds(ledger->spooled ? snapshot->oldest_age : -1)));
}

static void set_recent(const struct recent_rates *recent, json_t *status)
{
    json_object_set_new(status, "recent",
                        json_pack("{s:f, s:f, s:f, s:o, s:o}", "seconds", recent->seconds,
                                  "received_per_second", recent->received, "delivered_per_second",
                                  recent->delivered, "latency_p50_seconds", seconds(recent->p50),
                                  "latency_p99_seconds", seconds(recent->p99)));
}

void status_page_write(const struct snapshot *snapshot, FILE *out)
{
    json_t *status = json_object();
    set_bridge(snapshot, status);
    set_sides(snapshot, status);
    set_messages(snapshot, status);
    set_recent(&snapshot->recent, status);
    json_print(status, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    fputc('\n', out);
    json_decref(status);
}
