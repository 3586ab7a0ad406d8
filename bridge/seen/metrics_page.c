#include "metrics_page.h"

#include "core/clock.h"
#include "http/prometheus.h"
#include "kafka/client.h"
#include "mqtt/mqtt.h"
#include "snapshot.h"

#include <string.h>

#define NAME(rest) "roomstream_bridge_" rest

static double count(const _Atomic uint64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
}

static void put_info(const struct snapshot *snapshot, FILE *out)
{
    const struct bridge_settings *settings = snapshot->sources->settings;
    prometheus_build_info(out, NAME("build_info"), rd_kafka_version_str());
    prometheus_head(out, PROMETHEUS_GAUGE, NAME("info"), "What this bridge carries.");
    prometheus_sample(out, NAME("info"), 1, "name", settings->name, "mqtt_topic", settings->filter,
                      "kafka_topic", settings->kafka_topic, "delivery", snapshot_delivery(snapshot), NULL);
}

static void put_messages(const struct snapshot *snapshot, FILE *out)
{
    const struct counters *m = snapshot->sources->counters;
    const struct spool_ledger *ledger = &snapshot->ledger;
    prometheus_counter(
        out, NAME("messages_received_total"),
        "Messages stored in the spool since it was created: always delivered + spooled + dead-lettered.",
        (double)ledger->received);
    prometheus_counter(out, NAME("messages_delivered_total"),
                       "Messages acknowledged by Kafka, since the spool was created.",
                       (double)ledger->delivered);
    prometheus_counter(out, NAME("messages_dead_lettered_total"),
                       "Messages that Kafka can never take, since the spool was created.",
                       (double)ledger->dead);
    prometheus_gauge(out, NAME("messages_spooled"),
                     "Messages in the spool, neither delivered nor dead-lettered.", (double)ledger->spooled);
    prometheus_gauge(out, NAME("messages_in_flight"),
                     "Spooled messages that are handed over to Kafka and not acknowledged.",
                     (double)snapshot->spool.in_flight);
    prometheus_counter(out, NAME("from_downlink_total"),
                       "Messages that downlink had taken from the same Kafka topic, and that were dropped.",
                       count(&m->from_downlink));
    prometheus_counter(out, NAME("received_bytes_total"),
                       "Topics, properties and payloads of the messages received since the start.",
                       count(&m->received_bytes));
    prometheus_counter(out, NAME("delivered_bytes_total"), "The same of messages delivered since the start.",
                       count(&m->delivered_bytes));
    prometheus_counter(out, NAME("dead_lettered_bytes_total"),
                       "The same of messages dead-lettered since the start.", count(&m->dead_bytes));
}

/* The first COUNTERS_ROUTES routes have a sample each, all others one together: that bounds the page. */
static void put_routes(const struct snapshot *snapshot, FILE *out)
{
    const struct counters *m = snapshot->sources->counters;
    const struct bridge_settings *settings = snapshot->sources->settings;
    size_t routes = settings->routes ? routes_count(settings->routes) : 0;
    prometheus_counter(
        out, NAME("keys_not_found_total"),
        "Messages in whose payload the JSON pointer of --kafka-key found nothing: their MQTT topic is the key.",
        count(&m->keyless));
    if (routes == 0)
        return;
    prometheus_counter(out, NAME("copies_dropped_total"),
                       "Further copies of messages, which the broker sends where filters of routes overlap.",
                       count(&m->copies));
    prometheus_gauge(out, NAME("kafka_topics"), "Kafka topics to which the routes have led.",
                     count(&m->topics));
    prometheus_gauge(out, NAME("kafka_topics_limit"), "Bound of these (--topic-max).",
                     (double)settings->topic_max);
    prometheus_head(
        out, PROMETHEUS_COUNTER, NAME("route_messages_delivered_total"),
        "Messages acknowledged by Kafka since the start, by route; those behind the first 100 together.");
    for (size_t i = 0; i < routes && i <= COUNTERS_ROUTES; i++)
        prometheus_sample(out, NAME("route_messages_delivered_total"), count(&m->routes[i]), "route",
                          i < COUNTERS_ROUTES ? routes_at(settings->routes, i)->text : "others", NULL);
}

static void put_spool(const struct snapshot *snapshot, FILE *out)
{
    prometheus_gauge(out, NAME("spool_bytes"), "Size of the spool's files.", (double)snapshot->spool.bytes);
    prometheus_gauge(out, NAME("spool_limit_bytes"), "Bound of the spool (--spool-max).",
                     (double)snapshot->spool.max_bytes);
    prometheus_gauge(out, NAME("spool_oldest_message_age_seconds"),
                     "Time since the oldest spooled message arrived, 0 without any.", snapshot->oldest_age);
    prometheus_gauge(out, NAME("dead_letters"),
                     "Dead letters that nobody has retried or dropped yet (dead-letters).",
                     (double)snapshot->dead_letters);
    prometheus_gauge(out, NAME("dead_letters_bytes"), "Size of the file of dead letters.",
                     (double)snapshot->dead_letters_bytes);
    prometheus_counter(out, NAME("dead_letters_announced_total"),
                       "Dead letters announced in --dead-letter-topic since the start.",
                       (double)snapshot->announced.announced);
    prometheus_counter(out, NAME("dead_letters_not_announced_total"),
                       "Dead letters whose announcement was given up since the start.",
                       (double)snapshot->announced.given_up);
}

static void put_times(const struct snapshot *snapshot, FILE *out)
{
    const struct counters *m = snapshot->sources->counters;
    uint64_t transactions[HISTOGRAM_BUCKETS];
    prometheus_histogram(
        out, NAME("delivery_latency_seconds"),
        "Time from a message's arrival at the bridge to Kafka's acknowledgement, or the commit.",
        histogram_bounds, snapshot->latency, HISTOGRAM_BOUNDS,
        atomic_load_explicit(&m->latency.sum, memory_order_relaxed) / SECOND);
    if (snapshot->sources->settings->delivery != EXACTLY_ONCE)
        return;
    histogram_read(&m->transactions, transactions);
    prometheus_histogram(out, NAME("transaction_duration_seconds"),
                         "Time from the beginning of a Kafka transaction to its commit.", histogram_bounds,
                         transactions, HISTOGRAM_BOUNDS,
                         atomic_load_explicit(&m->transactions.sum, memory_order_relaxed) / SECOND);
    prometheus_counter(out, NAME("transactions_aborted_total"),
                       "Kafka transactions aborted; their messages are produced again.",
                       count(&m->transactions_aborted));
}

static void put_states(const struct snapshot *snapshot, FILE *out)
{
    static const char *const reasons[] = {
        [MQTT_RECONNECT_LOST] = "connection_lost",
        [MQTT_RECONNECT_SPOOL_FULL] = "spool_full",
        [MQTT_RECONNECT_FLOOD] = "receive_maximum_exceeded",
    };
    const struct counters *m = snapshot->sources->counters;
    prometheus_head(out, PROMETHEUS_COUNTER, NAME("reconnects_total"), "Reconnections, by side and reason.");
    for (int i = 0; i < MQTT_RECONNECT_REASONS; i++)
        prometheus_sample(out, NAME("reconnects_total"), count(&m->mqtt_reconnects[i]), "side", "mqtt",
                          "reason", reasons[i], NULL);
    prometheus_sample(out, NAME("reconnects_total"), count(&m->producers_replaced), "side", "kafka", "reason",
                      "producer_given_up", NULL);
    prometheus_gauge(out, NAME("mqtt_subscribed"), "1 while subscribed at the MQTT broker.",
                     snapshot->mqtt == MQTT_SUBSCRIBED);
    prometheus_gauge(out, NAME("kafka_reachable"), "1 while Kafka answers and takes messages.",
                     snapshot->kafka == KAFKA_CONNECTED);
    prometheus_gauge(out, NAME("ready"), "As /readyz: 1 while messages can be received and delivered.",
                     snapshot_is_ready(snapshot));
    prometheus_gauge(out, NAME("healthy"), "As /healthz: 1 while the threads move.",
                     snapshot_is_healthy(snapshot));
}

/* ---- librdkafka's statistics (its STATISTICS.md) ---- */

static double number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

/* Is this one of the cluster's brokers, rather than librdkafka's own helpers? */
static bool is_broker(const json_t *broker)
{
    return json_integer_value(json_object_get(broker, "nodeid")) >= 0;
}

static bool is_up(const json_t *broker)
{
    const char *state = json_string_value(json_object_get(broker, "state"));
    return state && (strcmp(state, "UP") == 0 || strcmp(state, "UPDATE") == 0);
}

struct broker_metric {
    enum prometheus_type type;
    const char *name, *help;
    const char *field, *subfield; /* subfield: NULL, or of the object `field` */
    double unit;
};

static const struct broker_metric broker_metrics[] = {
    {PROMETHEUS_GAUGE, NAME("kafka_broker_requests_in_flight"), "Requests to the broker without response.",
     "waitresp_cnt", NULL, 1},
    {PROMETHEUS_GAUGE, NAME("kafka_broker_requests_queued"), "Requests that wait to be sent.", "outbuf_cnt",
     NULL, 1},
    {PROMETHEUS_COUNTER, NAME("kafka_broker_requests_total"), "Requests sent to the broker.", "tx", NULL, 1},
    {PROMETHEUS_COUNTER, NAME("kafka_broker_sent_bytes_total"), "Bytes sent to the broker.", "txbytes", NULL,
     1},
    {PROMETHEUS_COUNTER, NAME("kafka_broker_request_errors_total"), "Requests that could not be sent.",
     "txerrs", NULL, 1},
    {PROMETHEUS_COUNTER, NAME("kafka_broker_request_retries_total"), "Requests retried.", "txretries", NULL,
     1},
    {PROMETHEUS_COUNTER, NAME("kafka_broker_request_timeouts_total"), "Requests without response in time.",
     "req_timeouts", NULL, 1},
    {PROMETHEUS_COUNTER, NAME("kafka_broker_disconnects_total"), "Connections that were lost.", "disconnects",
     NULL, 1},
    {PROMETHEUS_GAUGE, NAME("kafka_broker_round_trip_p99_seconds"),
     "99th percentile of the broker's response time in the last second.", "rtt", "p99", 1e-6},
};

static void put_broker_metric(const json_t *brokers, const struct broker_metric *metric, FILE *out)
{
    const char *name;
    json_t *broker;
    prometheus_head(out, metric->type, metric->name, metric->help);
    json_object_foreach((json_t *)brokers, name, broker)
    {
        if (!is_broker(broker))
            continue;
        double value = metric->subfield ? number(json_object_get(broker, metric->field), metric->subfield)
                                        : number(broker, metric->field);
        prometheus_sample(out, metric->name, value * metric->unit, "broker", name, NULL);
    }
}

/* What is not known is left out. */
static void put_kafka(const struct snapshot *snapshot, FILE *out)
{
    if (!snapshot->statistics)
        return;
    const json_t *brokers = json_object_get(snapshot->statistics, "brokers");
    const char *name;
    json_t *broker;
    prometheus_gauge(out, NAME("kafka_queue_messages"), "Messages in librdkafka's queues.",
                     number(snapshot->statistics, "msg_cnt"));
    prometheus_gauge(out, NAME("kafka_queue_bytes"), "Size of the messages in librdkafka's queues.",
                     number(snapshot->statistics, "msg_size"));
    prometheus_head(out, PROMETHEUS_GAUGE, NAME("kafka_broker_up"),
                    "1 while the connection to this broker is up.");
    json_object_foreach((json_t *)brokers, name, broker) if (is_broker(broker))
        prometheus_sample(out, NAME("kafka_broker_up"), is_up(broker), "broker", name, NULL);
    for (size_t i = 0; i < sizeof broker_metrics / sizeof *broker_metrics; i++)
        put_broker_metric(brokers, &broker_metrics[i], out);
}

void metrics_page_write(const struct snapshot *snapshot, FILE *out)
{
    put_info(snapshot, out);
    put_messages(snapshot, out);
    put_routes(snapshot, out);
    put_spool(snapshot, out);
    put_times(snapshot, out);
    put_states(snapshot, out);
    put_kafka(snapshot, out);
    prometheus_process(out);
}
