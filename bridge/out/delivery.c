#include "delivery.h"

#include "core/clock.h"
#include "core/failpoint.h"
#include "core/out_of_memory.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "kafka/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Then a pass ends, so that the position is saved and a request to stop is seen. */
static const int64_t longest_isolation = 1 * SECOND;

/* Without a delivery report for so long, it is seen to what may have become of those that are due. */
static const int64_t report_patience = 5 * SECOND;

/* After Kafka has refused a timestamp, how long what follows goes without its own: long enough that a backlog
 * or a wrong clock does not cost a refused batch each time, short enough that a clock set right is noticed.
 */
static const int64_t without_arrivals = 1 * MINUTE;

void delivery_fail(struct delivery *f, const char *what)
{
    f->wait = backoff_next(&f->backoff);
    f->failing = true;
    counters_set_trouble(f->counters, what);
    /* Another failure than the last one is news, such as what comes after a right was granted. */
    if (strcmp(f->told.text, what) != 0)
        f->failures.last = 0;
    error_set(&f->told, "%s", what);
    log_limited(&f->failures, LOG_LEVEL_WARNING, kafka_unavailable, LOG_FIELDS(LOG_TEXT("reason", what)),
                "%s; everything stays in the spool, trying again", what);
}

void delivery_note_missing_topic(struct delivery *f, rd_kafka_resp_err_t err)
{
    if (kafka_topic_is_missing(err)) {
        f->topic_ready = false;
        f->vanished = true;
    }
}

void delivery_recovered(struct delivery *f)
{
    backoff_reset(&f->backoff);
    if (!f->failing)
        return;
    f->failing = false;
    counters_set_trouble(f->counters, "");
}

/* True when the record now stands in the dead letters. */
static bool bury(struct delivery *f, const char *reason)
{
    struct error error;
    struct spool_record letter = f->record;
    letter.reason = (struct spool_bytes){reason, strlen(reason)};
    if (!dead_letters_append(f->letters, &letter, &error)) {
        delivery_fail(f, error.text);
        return false;
    }
    spool_dead(f->spool, letter.id);
    counters_add(&f->counters->dead_bytes, counters_size(&letter));
    char topic[201];
    snprintf(topic, sizeof topic, "%.*s", (int)letter.topic.length, (const char *)letter.topic.data);
    log_limited(&f->burials, LOG_LEVEL_WARNING, dead_letter,
                LOG_FIELDS(LOG_NUMBER("id", letter.id), LOG_TEXT("topic", topic),
                           LOG_NUMBER("bytes", letter.payload.length), LOG_TEXT("reason", reason)),
                "message %" PRIu64
                " (topic '%s', %zu bytes) can never be taken by Kafka and is set aside as a dead "
                "letter: %s",
                letter.id, topic, letter.payload.length, reason);
    return true;
}

static void acknowledged(struct delivery *f, const struct produced *message)
{
    FAILPOINT("after-report");
    if (f->transactional) {
        if (f->arrival_count < (size_t)f->settings->window)
            f->arrivals[f->arrival_count++] = message->time;
        f->arrival_bytes += message->size;
        return;
    }
    spool_delivered(f->spool, message->id);
    histogram_add(&f->counters->latency, clock_realtime() - message->time);
    counters_add(&f->counters->delivered_bytes, message->size);
    delivery_recovered(f);
}

void delivery_committed(struct delivery *f)
{
    int64_t now = clock_realtime();
    for (size_t i = 0; i < f->arrival_count; i++)
        histogram_add(&f->counters->latency, now - f->arrivals[i]);
    counters_add(&f->counters->delivered_bytes, f->arrival_bytes);
    f->arrival_count = f->arrival_bytes = 0;
    delivery_recovered(f);
}

static void tell_refused_timestamp(struct delivery *f, const struct produced *message)
{
    char arrival[CLOCK_RFC3339_SIZE], now[CLOCK_RFC3339_SIZE];
    const char *topic = f->settings->kafka_topic;
    clock_rfc3339(message->time, arrival);
    clock_rfc3339(clock_realtime(), now);
    if (message->timestamp == TIMESTAMP_ARRIVAL)
        log_limited(&f->refused_timestamps, LOG_LEVEL_WARNING, kafka_timestamp_refused,
                    LOG_FIELDS(LOG_TEXT("topic", topic), LOG_TEXT("arrival", arrival)),
                    "Kafka refuses the time at which message %" PRIu64
                    " arrived, %s (now it is %s here): records go with the time of sending, and their "
                    "arrival in the header mqtt.arrival. Look at message.timestamp.before.max.ms and "
                    "message.timestamp.after.max.ms of the topic '%s', and at the clocks here and of Kafka",
                    message->id, arrival, now, topic);
    else
        log_warning_with(kafka_timestamp_refused,
                         LOG_FIELDS(LOG_TEXT("topic", topic), LOG_TEXT("arrival", arrival)),
                         "Kafka refuses the present time, %s, for the topic '%s' too: records go without a "
                         "timestamp, and their arrival in the header mqtt.arrival. Set the clock of this "
                         "machine right, or Kafka's",
                         now, topic);
}

/* The message is sent again with the next kind of timestamp, and what follows as well. */
static void timestamp_refused(struct delivery *f, const struct produced *message)
{
    f->arrivals_again = clock_monotonic() + without_arrivals;
    if (message->timestamp == TIMESTAMP_NONE)
        delivery_fail(f, "Kafka refuses even records without a timestamp as being out of time");
    else if (message->timestamp >= f->timestamp) { /* else others of its kind were refused before */
        f->timestamp = message->timestamp + 1;
        tell_refused_timestamp(f, message);
    }
}

static void on_report(void *context, const struct produced *message, rd_kafka_resp_err_t err)
{
    struct delivery *f = context;
    uint64_t id = message->id;
    char text[KAFKA_ERROR_SIZE + 300], reason[KAFKA_ERROR_SIZE];
    f->reports++;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        acknowledged(f, message);
        return;
    }
    f->rewind_due = true;
    if (kafka_error_is_permanent(err)) {
        /* A record that went alone is itself at fault; one of several is found out by sending them one by
         * one. */
        if (id <= f->isolate_until && id == f->record.id)
            bury(f, rd_kafka_err2str(err));
        else if (id > f->isolate_until)
            f->isolate_until = id;
        return;
    }
    if (err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP) {
        timestamp_refused(f, message);
        return;
    }
    if (err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        return; /* an aborted transaction: its cause was told */
    delivery_note_missing_topic(f, err);
    snprintf(text, sizeof text, "Kafka does not take messages for '%s' now: %s", f->settings->kafka_topic,
             kafka_describe(err, reason));
    delivery_fail(f, text);
}

static bool open_producer(struct delivery *f, struct error *error)
{
    struct kafka_statistics *statistics = f->settings->http ? &f->counters->kafka : NULL;
    f->producer = producer_open(f->settings, f->required, f->required_count, on_report, f, statistics, error);
    return f->producer != NULL;
}

bool delivery_open(struct delivery *f, const struct bridge_settings *settings, struct spool *spool,
                   struct dead_letters *letters, struct counters *counters,
                   const struct kafka_property *required, size_t required_count, bool transactional,
                   struct error *error)
{
    *f = (struct delivery){
        .settings = settings,
        .spool = spool,
        .letters = letters,
        .counters = counters,
        .required = required,
        .required_count = required_count,
        .transactional = transactional,
        .backoff = {.first = 100 * MILLISECOND, .longest = 5 * SECOND},
        .failures = {.interval = 30 * SECOND},
        .replacements = {.interval = 30 * SECOND},
        .burials = {.interval = 30 * SECOND},
        .refused_timestamps = {.interval = 30 * SECOND},
    };
    if (transactional)
        f->arrivals = calloc((size_t)settings->window, sizeof *f->arrivals);
    if (transactional && !f->arrivals)
        out_of_memory((size_t)settings->window * sizeof *f->arrivals);
    if (open_producer(f, error))
        return true;
    delivery_close(f);
    return false;
}

void delivery_close(struct delivery *f)
{
    if (f->producer)
        producer_close(f->producer);
    free(f->arrivals);
    free(f->cluster);
}

void delivery_rewind(struct delivery *f)
{
    spool_rewind(f->spool);
    f->record = (struct spool_record){0};
    f->held = false;
    f->rewind_due = false;
    f->arrival_count = f->arrival_bytes = 0;
}

void delivery_replace(struct delivery *f, const char *why)
{
    error_set(&f->replacement, "%s", why);
}

/* librdkafka may forget the messages of a partition that vanishes while they are on their way: it never sends
 * nor reports them (2.0.2: a request that fails after the partition was removed puts them into its queue,
 * which nobody serves any more). */
static bool holds_forgotten_messages(struct delivery *f)
{
    int64_t now = clock_monotonic();
    int partitions;
    size_t in_flight = producer_in_flight(f->producer);
    if (in_flight == 0)
        f->vanished = false;
    if (in_flight == 0 || f->reports != f->reports_seen) {
        f->quiet_since = now;
        f->reports_seen = f->reports;
    }
    if (now - f->quiet_since < report_patience)
        return false;
    f->quiet_since = now;
    bool vanished = f->vanished; /* what is missing only now may be about to be reported */
    rd_kafka_resp_err_t err =
        kafka_topic_look_up(producer_handle(f->producer), f->settings->kafka_topic, 1 * SECOND, &partitions);
    delivery_note_missing_topic(f, err);
    return vanished || (!err && partitions < f->partitions);
}

/* What another cluster knows of this producer's id is another producer's: it could take new records for
 * repeated ones. */
static bool is_for_another_cluster(struct delivery *f)
{
    if (!producer_cluster_changed(f->producer, &f->cluster))
        return false;
    f->topic_ready = false;
    log_warning_with(
        kafka_cluster_changed, LOG_FIELDS(LOG_TEXT("cluster", f->cluster)),
        "Kafka at %s is another cluster than before, %s now: it has nothing of what was delivered "
        "before, and gets all that is in the spool. If that was not meant, look at --brokers",
        f->settings->kafka.brokers, f->cluster);
    return true;
}

/* Must there be another producer? */
static void look_after_producer(struct delivery *f)
{
    struct error error;
    if (producer_fatal(f->producer, &error)) {
        delivery_replace(f, error.text);
    } else if (is_for_another_cluster(f)) {
        delivery_replace(f, "it was made for another cluster");
    } else if (holds_forgotten_messages(f)) {
        error_set(&error, "it holds messages (%zu) for a partition of the topic '%s' that has vanished",
                  producer_in_flight(f->producer), f->settings->kafka_topic);
        delivery_replace(f, error.text);
    }
}

bool delivery_begin(struct delivery *f, bool *replaced)
{
    struct error error;
    f->wait = 0;
    *replaced = false;
    if (f->producer)
        look_after_producer(f);
    if (f->producer && *f->replacement.text) {
        log_limited(&f->replacements, LOG_LEVEL_WARNING, kafka_producer_replaced,
                    LOG_FIELDS(LOG_TEXT("reason", f->replacement.text)),
                    "the Kafka producer must be replaced: %s", f->replacement.text);
        f->late_inits += kafka_unanswered_inits(producer_unanswered(f->producer));
        producer_close(f->producer);
        f->producer = NULL;
        f->replacement = (struct error){0};
        kafka_statistics_take(&f->counters->kafka, NULL);
        counters_add(&f->counters->producers_replaced, 1);
    }
    if (!f->producer) {
        delivery_rewind(f);
        *replaced = open_producer(f, &error);
        if (!*replaced)
            delivery_fail(f, error.text);
    }
    if (f->producer)
        producer_poll(f->producer, 0);
    return f->producer != NULL;
}

void delivery_await_reports(struct delivery *f, int64_t ns)
{
    if (f->producer)
        producer_poll(f->producer, ns);
}

bool delivery_ensure_topic(struct delivery *f)
{
    struct kafka_topic_settings topic = f->settings->new_topic;
    topic.name = f->settings->kafka_topic;
    struct error error;
    rd_kafka_t *rk = producer_handle(f->producer);
    if (!f->topic_ready) {
        f->topic_ready =
            kafka_topic_ensure(rk, &f->settings->kafka, &topic, 2 * SECOND, &error) == KAFKA_TOPIC_READY;
        if (f->topic_ready) {
            kafka_topic_look_up(rk, topic.name, 2 * SECOND, &f->partitions);
            delivery_recovered(f);
        } else
            delivery_fail(f, error.text);
    }
    return f->topic_ready;
}

bool delivery_peek(struct delivery *f, struct pass *pass)
{
    struct error error;
    struct spool_record record; /* where there is none, spool_read leaves anything in it */
    if (f->held)
        return true;
    switch (spool_read(f->spool, &record, &error)) {
    case SPOOL_READ_RECORD:
        f->record = record;
        f->held = true;
        return true;
    case SPOOL_READ_NOTHING:
        return false;
    case SPOOL_READ_WINDOW:
        pass->more = true;
        return false;
    case SPOOL_READ_FAILED:
        break;
    }
    log_error(spool_read_failed, "%s", error.text);
    pass->failed = true;
    return false;
}

/* Up to isolate_until one record at a time is in flight: neither may the one that is held join another, nor
 * may another join the last one handed over. Waits a moment for the one in flight; false when it is still
 * there or something failed. */
static bool may_join(struct delivery *f)
{
    if (f->record.id <= f->isolate_until && producer_in_flight(f->producer) > 0)
        producer_poll(f->producer, 100 * MILLISECOND);
    return !f->rewind_due && (f->record.id > f->isolate_until || producer_in_flight(f->producer) == 0);
}

/* Records that go one by one take a round trip each, and there may be a window of them. */
static bool isolates_for_long(const struct delivery *f, int64_t begin)
{
    return f->record.id <= f->isolate_until && clock_monotonic() - begin > longest_isolation;
}

void delivery_produce(struct delivery *f, struct pass *pass)
{
    struct error error;
    int64_t begin = clock_monotonic();
    if (begin >= f->arrivals_again)
        f->timestamp = TIMESTAMP_ARRIVAL;
    while (f->wait == 0) {
        if (!may_join(f) || isolates_for_long(f, begin)) {
            pass->more = true;
            return;
        }
        if (!delivery_peek(f, pass))
            return;
        switch (producer_produce(f->producer, &f->record, f->timestamp, &error)) {
        case PRODUCER_TAKEN:
            f->held = false;
            pass->forwarded++;
            FAILPOINT("after-produce");
            break;
        case PRODUCER_FULL:
            pass->more = true;
            return;
        case PRODUCER_REFUSED:
            f->held = !bury(f, error.text);
            break;
        case PRODUCER_NO_TOPIC:
            f->topic_ready = false;
            delivery_fail(f, "Kafka has lost the topic");
            break;
        case PRODUCER_LATER:
            delivery_fail(f, error.text);
            break;
        }
    }
}
