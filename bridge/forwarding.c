#include "forwarding.h"

#include "clock.h"
#include "failpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Then a pass ends, so that the position is saved and a request to stop is seen. */
static const int64_t longest_isolation = 1 * SECOND;

void forwarding_fail(struct forwarding *f, const char *what)
{
    f->wait = backoff_next(&f->backoff);
    f->failing = true;
    metrics_set_trouble(f->metrics, what);
    /* Another failure than the last one is news, such as what comes after a right was granted. */
    if (strcmp(f->told.text, what) != 0)
        f->failures.last = 0;
    error_set(&f->told, "%s", what);
    log_limited(&f->failures, LOG_LEVEL_WARNING, kafka_unavailable, LOG_FIELDS(LOG_TEXT("reason", what)),
                "%s; everything stays in the spool, trying again", what);
}

void forwarding_recovered(struct forwarding *f)
{
    backoff_reset(&f->backoff);
    if (!f->failing)
        return;
    f->failing = false;
    metrics_set_trouble(f->metrics, "");
}

/* True when the record now stands in the dead letters. */
static bool bury(struct forwarding *f, const char *reason)
{
    struct error error;
    struct spool_record letter = f->record;
    letter.reason = (struct spool_bytes){reason, strlen(reason)};
    if (!dead_letters_append(f->letters, &letter, &error)) {
        forwarding_fail(f, error.text);
        return false;
    }
    spool_dead(f->spool, letter.id);
    metrics_add(&f->metrics->dead_bytes, metrics_size(&letter));
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

static void acknowledged(struct forwarding *f, const struct produced *message)
{
    FAILPOINT("after-report");
    if (f->transactional) {
        if (f->arrival_count < (size_t)f->settings->window)
            f->arrivals[f->arrival_count++] = message->time;
        f->arrival_bytes += message->size;
        return;
    }
    spool_delivered(f->spool, message->id);
    histogram_add(&f->metrics->latency, clock_realtime() - message->time);
    metrics_add(&f->metrics->delivered_bytes, message->size);
    forwarding_recovered(f);
}

void forwarding_committed(struct forwarding *f)
{
    int64_t now = clock_realtime();
    for (size_t i = 0; i < f->arrival_count; i++)
        histogram_add(&f->metrics->latency, now - f->arrivals[i]);
    metrics_add(&f->metrics->delivered_bytes, f->arrival_bytes);
    f->arrival_count = f->arrival_bytes = 0;
    forwarding_recovered(f);
}

static void on_report(void *context, const struct produced *message, rd_kafka_resp_err_t err)
{
    struct forwarding *f = context;
    uint64_t id = message->id;
    char text[KAFKA_ERROR_SIZE + 300], reason[KAFKA_ERROR_SIZE];
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        acknowledged(f, message);
        return;
    }
    f->rewind_due = true;
    if (producer_error_is_permanent(err)) {
        /* A record that went alone is itself at fault; one of several is found out by sending them one by
         * one. */
        if (id <= f->isolate_until && id == f->record.id)
            bury(f, rd_kafka_err2str(err));
        else if (id > f->isolate_until)
            f->isolate_until = id;
        return;
    }
    if (err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        return; /* an aborted transaction: its cause was told */
    if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        f->topic_ready = false;
    snprintf(text, sizeof text, "Kafka does not take messages for '%s' now: %s", f->settings->kafka_topic,
             kafka_describe(err, reason));
    forwarding_fail(f, text);
}

static bool open_producer(struct forwarding *f, struct error *error)
{
    struct kafka_statistics *statistics = f->settings->http ? &f->metrics->kafka : NULL;
    f->producer = producer_open(f->settings, f->required, f->required_count, on_report, f, statistics,
                                f->transactional ? &f->unanswered : NULL, error);
    return f->producer != NULL;
}

bool forwarding_open(struct forwarding *f, const struct bridge_settings *settings, struct spool *spool,
                     struct dead_letters *letters, struct metrics *metrics,
                     const struct kafka_property *required, size_t required_count, bool transactional,
                     struct error *error)
{
    *f = (struct forwarding){
        .settings = settings,
        .spool = spool,
        .letters = letters,
        .metrics = metrics,
        .required = required,
        .required_count = required_count,
        .transactional = transactional,
        .backoff = {.first = 100 * MILLISECOND, .longest = 5 * SECOND},
        .failures = {.interval = 30 * SECOND},
        .replacements = {.interval = 30 * SECOND},
        .burials = {.interval = 30 * SECOND},
    };
    if (transactional)
        f->arrivals = calloc((size_t)settings->window, sizeof *f->arrivals);
    if (transactional && !f->arrivals)
        return error_set(error, "out of memory");
    if (open_producer(f, error))
        return true;
    forwarding_close(f);
    return false;
}

void forwarding_close(struct forwarding *f)
{
    if (f->producer)
        producer_close(f->producer);
    free(f->arrivals);
}

void forwarding_rewind(struct forwarding *f)
{
    spool_rewind(f->spool);
    f->record = (struct spool_record){0};
    f->held = false;
    f->rewind_due = false;
    f->arrival_count = f->arrival_bytes = 0;
}

void forwarding_replace(struct forwarding *f, const char *why)
{
    error_set(&f->replacement, "%s", why);
}

bool forwarding_begin(struct forwarding *f, bool *replaced)
{
    struct error error;
    f->wait = 0;
    *replaced = false;
    if (f->producer && producer_fatal(f->producer, &error))
        forwarding_replace(f, error.text);
    if (f->producer && *f->replacement.text) {
        log_limited(&f->replacements, LOG_LEVEL_WARNING, kafka_producer_replaced,
                    LOG_FIELDS(LOG_TEXT("reason", f->replacement.text)),
                    "the Kafka producer must be replaced: %s", f->replacement.text);
        producer_close(f->producer);
        f->producer = NULL;
        f->replacement = (struct error){0};
        kafka_unanswered_forget(&f->unanswered);
        kafka_statistics_take(&f->metrics->kafka, NULL);
        metrics_add(&f->metrics->producers_replaced, 1);
    }
    if (!f->producer) {
        forwarding_rewind(f);
        *replaced = open_producer(f, &error);
        if (!*replaced)
            forwarding_fail(f, error.text);
    }
    if (f->producer)
        producer_poll(f->producer, 0);
    return f->producer != NULL;
}

void forwarding_await_reports(struct forwarding *f, int64_t ns)
{
    if (f->producer)
        producer_poll(f->producer, ns);
}

bool forwarding_ensure_topic(struct forwarding *f)
{
    struct kafka_topic_settings topic = f->settings->new_topic;
    topic.name = f->settings->kafka_topic;
    topic.kafka = &f->settings->kafka;
    struct error error;
    if (!f->topic_ready) {
        f->topic_ready =
            kafka_topic_ensure(producer_handle(f->producer), &topic, 2 * SECOND, &error) == KAFKA_TOPIC_READY;
        if (f->topic_ready)
            forwarding_recovered(f);
        else
            forwarding_fail(f, error.text);
    }
    return f->topic_ready;
}

bool forwarding_peek(struct forwarding *f, struct pass *pass)
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
static bool may_join(struct forwarding *f)
{
    if (f->record.id <= f->isolate_until && producer_in_flight(f->producer) > 0)
        producer_poll(f->producer, 100 * MILLISECOND);
    return !f->rewind_due && (f->record.id > f->isolate_until || producer_in_flight(f->producer) == 0);
}

/* Records that go one by one take a round trip each, and there may be a window of them. */
static bool isolates_for_long(const struct forwarding *f, int64_t begin)
{
    return f->record.id <= f->isolate_until && clock_monotonic() - begin > longest_isolation;
}

void forwarding_produce(struct forwarding *f, struct pass *pass)
{
    struct error error;
    int64_t begin = clock_monotonic();
    while (f->wait == 0) {
        if (!may_join(f) || isolates_for_long(f, begin)) {
            pass->more = true;
            return;
        }
        if (!forwarding_peek(f, pass))
            return;
        switch (producer_produce(f->producer, &f->record, &error)) {
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
        case PRODUCER_LATER:
            forwarding_fail(f, error.text);
            break;
        }
    }
}
