#include "pages.h"

#include "http/prometheus.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

#define NAME(rest) "roomstream_downlink_" rest

static void put_info(const struct view *view, FILE *out)
{
    prometheus_build_info(out, NAME("build_info"), rd_kafka_version_str());
    prometheus_head(out, PROMETHEUS_GAUGE, NAME("info"), "Which group sends to which MQTT topics.");
    prometheus_sample(out, NAME("info"), 1, "group", view->settings->group, "to", view->settings->to, NULL);
}

static void put_messages(const struct counts *counts, FILE *out)
{
    prometheus_counter(
        out, NAME("messages_consumed_total"),
        "Messages taken from Kafka since the start. Always sent + dead + skipped + returned + those in flight.",
        (double)counts->consumed);
    prometheus_counter(out, NAME("messages_sent_total"), "Messages that the MQTT broker has acknowledged.",
                       (double)counts->sent);
    prometheus_counter(out, NAME("messages_dead_total"), "Messages that became dead letters.",
                       (double)counts->dead);
    prometheus_counter(out, NAME("messages_skipped_total"),
                       "Messages left out, since a bridge has brought them in.", (double)counts->skipped);
    prometheus_counter(out, NAME("messages_returned_total"),
                       "Messages without an outcome, which are read again: the MQTT session was lost, or the "
                       "partition went to another member of the group.",
                       (double)counts->returned);
    prometheus_gauge(out, NAME("messages_in_flight"), "Messages taken from Kafka that have no outcome yet.",
                     (double)counts_in_flight(counts));
}

static void put_counts(const struct counts *counts, FILE *out)
{
    prometheus_counter(out, NAME("bytes_total"), "Keys and values of the messages sent.",
                       (double)counts->bytes);
    prometheus_counter(out, NAME("headers_left_out_total"),
                       "Headers and keys of sent messages that are not text.",
                       (double)counts->headers_left_out);
    prometheus_counter(out, NAME("messages_retried_total"), "Dead letters that were put back, and sent.",
                       (double)counts->retried);
    prometheus_counter(out, NAME("messages_expired_total"),
                       "Messages that were no longer in Kafka when they were to be sent.",
                       (double)counts->expired);
    prometheus_counter(out, NAME("partitions_recreated_total"),
                       "Partitions found to be of a topic that was created again.",
                       (double)counts->topics_recreated);
    prometheus_counter(out, NAME("partition_errors_total"),
                       "Errors of reading a partition, which is tried again.",
                       (double)counts->partition_errors);
    prometheus_counter(out, NAME("commits_total"), "Commits of positions.", (double)counts->commits);
    prometheus_counter(out, NAME("commits_failed_total"), "Commits that failed, and are made again.",
                       (double)counts->commits_failed);
    prometheus_counter(out, NAME("mqtt_connects_total"), "Connections to the MQTT broker.",
                       (double)counts->mqtt_connects);
    prometheus_counter(out, NAME("mqtt_refusals_total"),
                       "Messages that the MQTT broker refused for the moment.",
                       (double)counts->mqtt_refusals);
}

static double position_of(const struct partition_view *partition)
{
    return (double)partition->position;
}

static double lag_of(const struct partition_view *partition)
{
    return partition->lag;
}

static double lag_seconds_of(const struct partition_view *partition)
{
    return partition->lag_seconds;
}

static void put_partitions(const struct view *view, FILE *out, const char *name, const char *help,
                           double (*value)(const struct partition_view *partition))
{
    char number[16];
    prometheus_head(out, PROMETHEUS_GAUGE, name, help);
    for (size_t i = 0; i < view->partition_count; i++) {
        const struct partition_view *partition = &view->partitions[i];
        if (value(partition) < 0)
            continue;
        snprintf(number, sizeof number, "%d", (int)partition->partition);
        prometheus_sample(out, name, value(partition), "topic", partition->topic, "partition", number, NULL);
    }
}

void metrics_page_write(const struct view *view, FILE *out)
{
    put_info(view, out);
    put_messages(&view->counts, out);
    put_counts(&view->counts, out);
    prometheus_gauge(out, NAME("dead_letters"), "Dead letters now.", (double)view->dead_letters);
    prometheus_counter(out, NAME("dead_letters_announced_total"),
                       "Dead letters announced in --dead-letter-topic since the start.",
                       (double)view->announced.announced);
    prometheus_counter(out, NAME("dead_letters_not_announced_total"),
                       "Dead letters whose announcement was given up since the start.",
                       (double)view->announced.given_up);
    put_partitions(view, out, NAME("position"), "Next offset: all before it is settled.", position_of);
    put_partitions(view, out, NAME("lag_messages"), "Messages of the partition that are not settled.",
                   lag_of);
    put_partitions(view, out, NAME("lag_seconds"),
                   "Age of the last settled message while there are others behind it, else 0.",
                   lag_seconds_of);
    prometheus_histogram(out, NAME("latency_seconds"),
                         "Time from a message's timestamp in Kafka to the broker's acknowledgement.",
                         histogram_bounds, view->latency, HISTOGRAM_BOUNDS, view->latency_sum);
    prometheus_gauge(out, NAME("mqtt_connected"), "1 while the MQTT broker is connected.",
                     strcmp(view->mqtt, "connected") == 0);
    prometheus_gauge(out, NAME("kafka_reachable"), "1 while a broker of Kafka is connected.",
                     strcmp(view->kafka, "connected") == 0);
    prometheus_gauge(out, NAME("ready"), "As /readyz: 1 while messages can be read and sent.", view->ready);
    prometheus_gauge(out, NAME("healthy"), "As /healthz: 1 while the main thread moves.", view->healthy);
    prometheus_process(out);
}
