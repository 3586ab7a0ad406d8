#include "pages.h"

#include "core/clock.h"
#include "http/prometheus.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

#define NAME(rest) "roomstream_store_" rest

static void put_info(const struct view *view, FILE *out)
{
    prometheus_build_info(out, NAME("build_info"), rd_kafka_version_str());
    prometheus_head(out, PROMETHEUS_GAUGE, NAME("info"), "Which group stores into which kind of database.");
    prometheus_sample(out, NAME("info"), 1, "group", view->settings->group, "database",
                      view->settings->kind->name, NULL);
}

static void put_counts(const struct progress_counts *counts, FILE *out)
{
    prometheus_counter(
        out, NAME("messages_consumed_total"),
        "Messages settled in committed transactions since the start. Always stored + rejected.",
        (double)counts->consumed);
    prometheus_counter(out, NAME("messages_stored_total"),
                       "Messages stored as readings, or as they are (--raw).", (double)counts->stored);
    prometheus_counter(out, NAME("messages_rejected_total"), "Messages in the table reject, with a reason.",
                       (double)counts->rejected);
    prometheus_counter(out, NAME("rows_total"), "Rows of the table reading: a message may have several.",
                       (double)counts->rows);
    prometheus_counter(out, NAME("bytes_total"), "Keys, payloads and headers of the messages consumed.",
                       (double)counts->bytes);
    prometheus_counter(out, NAME("transactions_total"), "Transactions committed.",
                       (double)counts->transactions);
    prometheus_counter(out, NAME("batches_dropped_total"),
                       "Batches dropped and read again, since another program had moved a position.",
                       (double)counts->start_overs);
    prometheus_counter(out, NAME("database_failures_total"), "Times that the database could not be used.",
                       (double)counts->database_failures);
    prometheus_counter(out, NAME("messages_expired_total"),
                       "Messages that were no longer in Kafka when they were to be stored.",
                       (double)counts->expired_messages);
    prometheus_counter(out, NAME("partitions_recreated_total"),
                       "Partitions found to be of a topic that was created again.",
                       (double)counts->topics_recreated);
}

static void put_partition_metric(const struct progress *p, FILE *out, const char *name, const char *help,
                                 double (*value)(const struct progress_partition *partition))
{
    char number[16];
    prometheus_head(out, PROMETHEUS_GAUGE, name, help);
    for (size_t i = 0; i < p->partition_count; i++) {
        const struct progress_partition *partition = &p->partitions[i];
        if (!partition->assigned || value(partition) < 0)
            continue;
        snprintf(number, sizeof number, "%d", (int)partition->partition);
        prometheus_sample(out, name, value(partition), "topic", partition->topic, "partition", number, NULL);
    }
}

static double stored(const struct progress_partition *partition)
{
    return (double)partition->stored;
}

static void put_times(const struct progress *p, FILE *out)
{
    uint64_t buckets[HISTOGRAM_BUCKETS];
    histogram_read(&p->transactions, buckets);
    prometheus_histogram(out, NAME("transaction_duration_seconds"),
                         "Time from the begin of a transaction to its commit.", histogram_bounds, buckets,
                         HISTOGRAM_BOUNDS,
                         atomic_load_explicit(&p->transactions.sum, memory_order_relaxed) / SECOND);
    histogram_read(&p->latency, buckets);
    prometheus_histogram(out, NAME("latency_seconds"),
                         "Time from a message's timestamp in Kafka to the commit.", histogram_bounds, buckets,
                         HISTOGRAM_BOUNDS,
                         atomic_load_explicit(&p->latency.sum, memory_order_relaxed) / SECOND);
}

void metrics_page_write(const struct view *view, FILE *out)
{
    const struct progress *p = view->progress;
    put_info(view, out);
    put_counts(&p->counts, out);
    prometheus_gauge(out, NAME("batch_messages"), "Messages of the last transaction.", (double)p->last_batch);
    put_partition_metric(p, out, NAME("position"), "Next offset, as the database has it.", stored);
    put_partition_metric(p, out, NAME("lag_messages"), "Messages of the partition that are not stored.",
                         progress_lag);
    put_partition_metric(p, out, NAME("lag_seconds"),
                         "Age of the last stored message while there are others behind it, else 0.",
                         progress_lag_seconds);
    put_times(p, out);
    prometheus_gauge(out, NAME("database_up"), "1 while the database takes what is written.", p->database_up);
    prometheus_gauge(out, NAME("kafka_reachable"), "1 while a broker is connected.",
                     strcmp(view->kafka, "connected") == 0);
    prometheus_gauge(out, NAME("ready"), "As /readyz: 1 while messages can be read and stored.", view->ready);
    prometheus_gauge(out, NAME("healthy"), "As /healthz: 1 while the main thread moves.", view->healthy);
    prometheus_process(out);
}
