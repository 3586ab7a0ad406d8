#include "at_least_once.h"

#include "backoff.h"
#include "clock.h"
#include "failpoint.h"
#include "producer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct at_least_once {
    const struct bridge_settings *settings;
    struct spool *spool;
    struct dead_letters *letters;
    struct producer *producer;
    struct spool_record record; /* the last one read */
    bool held;                  /* it is not handed over yet */
    bool topic_ready;
    bool rewind_due;        /* something failed that may succeed later: start again at the position */
    uint64_t isolate_until; /* up to this id records go one by one, since one of them made its batch fail */
    int64_t wait;           /* ns; what a failure asks for before the next pass */
    struct backoff backoff;
    struct log_limit failures;
};

static const struct kafka_property required[] = {
    {"enable.idempotence", "true", "without it a retry could double or reorder records"},
    {"acks", "all", "fewer acknowledgements could lose records"},
    {"message.timeout.ms", "0", "any limit would drop records when Kafka is away for longer"},
};

static void fail_for_now(struct at_least_once *w, const char *what)
{
    uint64_t held;
    w->wait = backoff_next(&w->backoff);
    if (log_allowed(&w->failures, &held))
        log_warning("%s; everything stays in the spool, trying again%s", what,
                    held ? " (not for the first time)" : "");
}

/* True when the record now stands in the dead letters. */
static bool bury(struct at_least_once *w, const char *reason)
{
    struct error error;
    struct spool_record letter = w->record;
    letter.reason = (struct spool_bytes){reason, strlen(reason)};
    if (!dead_letters_append(w->letters, &letter, &error)) {
        fail_for_now(w, error.text);
        return false;
    }
    spool_dead(w->spool, letter.id);
    log_warning("message %" PRIu64
                " (topic '%.*s', %zu bytes) can never be taken by Kafka and is set aside as a dead "
                "letter: %s",
                letter.id, (int)(letter.topic.length < 200 ? letter.topic.length : 200),
                (const char *)letter.topic.data, letter.payload.length, reason);
    return true;
}

static void on_report(void *context, uint64_t id, rd_kafka_resp_err_t err)
{
    struct at_least_once *w = context;
    char text[256];
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        spool_delivered(w->spool, id);
        backoff_reset(&w->backoff);
        return;
    }
    if (producer_error_is_permanent(err) && id <= w->isolate_until && id == w->record.id) {
        if (!bury(w, rd_kafka_err2str(err)))
            w->rewind_due = true;
        return;
    }
    w->rewind_due = true;
    if (producer_error_is_permanent(err)) {
        if (id > w->isolate_until)
            w->isolate_until = id;
        return;
    }
    if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        w->topic_ready = false;
    snprintf(text, sizeof text, "Kafka does not take messages for '%s' now: %s", w->settings->kafka_topic,
             rd_kafka_err2str(err));
    fail_for_now(w, text);
}

static bool open_producer(struct at_least_once *w, struct error *error)
{
    w->producer =
        producer_open(w->settings, required, sizeof required / sizeof *required, on_report, w, error);
    return w->producer != NULL;
}

struct at_least_once *at_least_once_open(const struct bridge_settings *settings, struct spool *spool,
                                         struct dead_letters *letters, struct error *error)
{
    struct at_least_once *w = calloc(1, sizeof *w);
    if (!w) {
        error_set(error, "out of memory");
        return NULL;
    }
    w->settings = settings;
    w->spool = spool;
    w->letters = letters;
    w->backoff = (struct backoff){.first = 100 * MILLISECOND, .longest = 5 * SECOND};
    w->failures.interval = 30 * SECOND;
    if (open_producer(w, error))
        return w;
    free(w);
    return NULL;
}

void at_least_once_close(struct at_least_once *w)
{
    if (w->producer)
        producer_close(w->producer);
    free(w);
}

static void rewind_spool(struct at_least_once *w)
{
    spool_rewind(w->spool);
    w->record = (struct spool_record){0};
    w->held = false;
    w->rewind_due = false;
}

/* librdkafka has given up the instance: a new one produces again what the old one had in flight. */
static void replace_producer(struct at_least_once *w, const struct error *why)
{
    struct error error;
    if (w->producer) {
        log_warning("the Kafka producer must be replaced: %s", why->text);
        producer_close(w->producer);
        w->producer = NULL;
    }
    rewind_spool(w);
    if (!open_producer(w, &error))
        fail_for_now(w, error.text);
}

static void ensure_topic(struct at_least_once *w)
{
    const struct kafka_topic_settings topic = {w->settings->kafka_topic, w->settings->partitions,
                                               w->settings->replication};
    struct error error;
    w->topic_ready =
        kafka_topic_ensure(producer_handle(w->producer), &topic, 2 * SECOND, &error) == KAFKA_TOPIC_READY;
    if (!w->topic_ready)
        fail_for_now(w, error.text);
}

/* Hands over what is new until there is no more or no more room. */
static void forward(struct at_least_once *w, struct pass *pass)
{
    struct error error;
    while (w->wait == 0 && !pass->failed) {
        bool isolating = w->isolate_until >= (w->held ? w->record.id : w->record.id + 1);
        if (isolating && producer_in_flight(w->producer) > 0) {
            pass->more = true;
            return;
        }
        if (!w->held) {
            enum spool_read_result result = spool_read(w->spool, &w->record, &error);
            w->held = result == SPOOL_READ_RECORD;
            pass->more = result == SPOOL_READ_WINDOW;
            pass->failed = result == SPOOL_READ_FAILED;
            if (pass->failed)
                log_error("%s", error.text);
            if (!w->held)
                return;
        }
        switch (producer_produce(w->producer, &w->record, &error)) {
        case PRODUCER_TAKEN:
            FAILPOINT("after-produce");
            w->held = false;
            pass->forwarded++;
            break;
        case PRODUCER_FULL:
            pass->more = true;
            return;
        case PRODUCER_REFUSED:
            w->held = !bury(w, error.text);
            break;
        case PRODUCER_LATER:
            fail_for_now(w, error.text);
            break;
        }
    }
}

struct pass at_least_once_pass(struct at_least_once *w)
{
    struct pass pass = {0};
    struct error error;
    w->wait = 0;
    if (!w->producer || producer_fatal(w->producer, &error))
        replace_producer(w, &error);
    if (w->producer)
        producer_poll(w->producer, 0);
    if (w->producer && w->rewind_due && producer_in_flight(w->producer) == 0)
        rewind_spool(w);
    if (w->producer && w->wait == 0 && !w->topic_ready)
        ensure_topic(w);
    if (w->producer && w->topic_ready && !w->rewind_due)
        forward(w, &pass);
    spool_save(w->spool);
    pass.in_flight = w->producer ? producer_in_flight(w->producer) : 0;
    pass.more = pass.more || w->rewind_due;
    pass.wait = w->wait;
    return pass;
}
