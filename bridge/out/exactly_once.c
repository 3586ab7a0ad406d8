#include "exactly_once.h"

#include "core/backoff.h"
#include "core/clock.h"
#include "core/failpoint.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "kafka/transactions.h"
#include "position.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state {
    STATE_INIT,     /* initialize transactions: fences an older instance with this id */
    STATE_POSITION, /* learn the committed position */
    STATE_READY,    /* no transaction is open */
    STATE_OFFSETS,  /* all records are handed over: add the position to the transaction */
    STATE_COMMIT,
    STATE_ABORT,
};

struct exactly_once {
    struct delivery delivery; /* first: delivery_close frees all */
    struct transactions transactions;
    const char *id;           /* transactional.id and consumer group */
    struct destination *home; /* the topic under whose name the position is kept */
    struct kafka_property required[3];
    enum state state;
    uint64_t next; /* the position after this transaction */
    bool filled;   /* the last transaction was full: more messages wait, and the next one follows at once */

    /* Of the messages that Kafka has acknowledged in this transaction: */
    size_t bytes, count;
    struct arrival {
        int64_t time; /* realtime ns */
        size_t route; /* by whose number it went */
    } arrivals[];     /* as many as the window has room for */
};

/* Handles the result of a call: true when it is done, else the producer is replaced, the transaction aborted,
 * or the call retried. */
static bool conclude(struct exactly_once *w, enum transaction_result result, const struct error *error,
                     struct pass *pass)
{
    struct delivery *d = &w->delivery;
    if (result == TRANSACTION_DONE)
        return true;
    delivery_note_missing_topic(d, NULL, w->transactions.failure);
    if (result == TRANSACTION_FENCED) {
        log_error_with(
            kafka_fenced, LOG_FIELDS(LOG_TEXT("id", w->id)),
            "another bridge uses the id '%s' at this Kafka cluster and has fenced this one off (%s): give one of them another --id",
            w->id, error->text);
        pass->failed = true;
    }
    if (result == TRANSACTION_BUSY) {
        log_debug(transaction_failed, "%s; retrying the step", error->text);
        d->wait = backoff_next(&d->backoff);
    } else if (result == TRANSACTION_ABORT && d->rewind_due) { /* a delivery report has logged the cause */
        log_debug(transaction_failed, "%s; aborting the transaction", error->text);
    } else {
        delivery_fail(d, error->text);
    }
    if (result == TRANSACTION_ABORT)
        w->state = STATE_ABORT;
    if (result == TRANSACTION_REPLACE || result == TRANSACTION_FENCED)
        delivery_replace(d, error->text);
    return false;
}

static void init(struct exactly_once *w, struct pass *pass)
{
    struct error error;
    if (conclude(w, transactions_init(&w->transactions, &error), &error, pass))
        w->state = STATE_POSITION;
}

/* ---- the committed position ---- */

/* Takes over the position that Kafka holds, if it is this spool's. */
static void take_position(struct exactly_once *w, const struct kept_position *kept, struct pass *pass)
{
    struct spool *spool = w->delivery.spool;
    struct spool_stats stats;
    spool_get_stats(spool, &stats);
    if (kept->kind == POSITION_NONE && stats.delivered > 0)
        log_warning(
            kafka_position_missing,
            "Kafka holds no position for '%s' (it forgets one with its topic, and after offsets.retention.minutes): continuing at %" PRIu64
            ", the spool's own; the last transaction before it may be doubled",
            w->id, stats.position);
    if (kept->kind == POSITION_FOREIGN)
        log_warning(
            kafka_position_foreign,
            "the position that Kafka holds for '%s' is another spool's (%s, this one is %s): not used", w->id,
            kept->uuid, spool_uuid(spool));
    if (kept->kind != POSITION_OWN)
        return;
    log_debug(kafka_position, "Kafka's position for '%s' is %" PRIu64 ", the spool's own %" PRIu64, w->id,
              kept->offset, stats.position);
    if (strcmp(kept->topic, w->home->name) != 0)
        log_info(
            kafka_position_moves,
            "the position of '%s' stands under the topic '%s' in Kafka; from now on it is kept under '%s'",
            w->id, kept->topic, w->home->name);
    /* The spool's own may be ahead: it moves on over records that are not messages without a transaction. */
    if (kept->offset > stats.position && !spool_advance(spool, kept->offset)) {
        log_error(
            kafka_position_beyond_spool,
            "Kafka's position for '%s' is %" PRIu64 ", beyond the end of the spool, %" PRIu64
            ": this spool is older than what it has delivered (a restored copy?), and new messages would count as delivered. Move it away and start with a new one",
            w->id, kept->offset, stats.next_id);
        pass->failed = true;
    }
}

static void learn_position(struct exactly_once *w, struct pass *pass)
{
    struct delivery *d = &w->delivery;
    struct kept_position kept;
    struct error error;
    if (position_ask(&d->settings->kafka, w->id, spool_uuid(d->spool), &kept, &error)) {
        take_position(w, &kept, pass);
        delivery_recovered(d);
        w->state = STATE_READY;
    } else {
        char text[1200];
        snprintf(text, sizeof text, "cannot get the position of '%s' from Kafka: %s", w->id, error.text);
        delivery_fail(d, text);
    }
}

/* ---- a transaction ---- */

/* Begins a transaction if there is something to put into it, and puts in what the spool holds. */
static void fill(struct exactly_once *w, struct pass *pass)
{
    struct delivery *d = &w->delivery;
    const struct transactions *t = &w->transactions;
    struct error error;
    int64_t now = clock_monotonic(), due = t->begun + d->settings->transaction_interval;
    if (!delivery_peek(d, pass))
        return;
    if (t->begun && now < due && !w->filled) {
        pass->wait = due - now;
        return;
    }
    if (!conclude(w, transactions_begin(&w->transactions, &error), &error, pass))
        return;
    w->count = w->bytes = 0;
    delivery_produce(d, pass);
    w->filled = pass->more;
    /* Everything up to the last record read is in the transaction, or dead. */
    w->next = d->held ? d->record.id : d->record.id + 1;
    w->state = d->wait > 0 ? STATE_ABORT : STATE_OFFSETS;
}

static void begin(struct exactly_once *w, struct pass *pass)
{
    if (transactions_are_late(&w->transactions))
        delivery_replace(
            &w->delivery,
            "a request of the last transaction was not answered and may arrive late, in the next one");
    else if (delivery_ensure(&w->delivery, w->home) && delivery_ensure_next(&w->delivery, pass))
        fill(w, pass);
}

static void send_position(struct exactly_once *w, struct pass *pass)
{
    rd_kafka_topic_partition_list_t *position = rd_kafka_topic_partition_list_new(1);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(w->id);
    const char *uuid = spool_uuid(w->delivery.spool);
    struct error error;
    rd_kafka_topic_partition_list_add(position, w->home->name, 0);
    position->elems[0].offset = (int64_t)w->next;
    /* The list frees the metadata with the library's free. */
    position->elems[0].metadata = rd_kafka_mem_malloc(NULL, strlen(uuid));
    position->elems[0].metadata_size = strlen(uuid);
    memcpy(position->elems[0].metadata, uuid, strlen(uuid));
    if (conclude(w, transactions_send_offsets(&w->transactions, position, group, &error), &error, pass))
        w->state = STATE_COMMIT;
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(position);
}

/* The messages of the transaction are delivered now. */
static void count_committed(struct exactly_once *w)
{
    struct counters *counters = w->delivery.counters;
    int64_t now = clock_realtime();
    for (size_t i = 0; i < w->count; i++) {
        histogram_add(&counters->latency, now - w->arrivals[i].time);
        counters_add_route(counters, w->arrivals[i].route);
    }
    counters_add(&counters->delivered_bytes, w->bytes);
    histogram_add(&counters->transactions, clock_monotonic() - w->transactions.begun);
}

static void commit(struct exactly_once *w, struct pass *pass)
{
    struct delivery *d = &w->delivery;
    struct error error;
    FAILPOINT("before-commit");
    if (!conclude(w, transactions_commit(&w->transactions, &d->rewind_due, &error), &error, pass))
        return;
    FAILPOINT("after-commit");
    log_debug(transaction_committed, "a transaction is committed, the position is %" PRIu64, w->next);
    spool_advance(d->spool, w->next);
    count_committed(w);
    delivery_recovered(d);
    w->state = STATE_READY;
}

static void abort_transaction(struct exactly_once *w, struct pass *pass)
{
    struct error error;
    if (!conclude(w, transactions_abort(&w->transactions, &error), &error, pass))
        return;
    delivery_rewind(&w->delivery);
    counters_add(&w->delivery.counters->transactions_aborted, 1);
    log_debug(transaction_aborted, "a transaction is aborted, its messages are produced again");
    w->state = STATE_READY;
}

static void step(struct exactly_once *w, struct pass *pass)
{
    switch (w->state) {
    case STATE_INIT:
        init(w, pass);
        break;
    case STATE_POSITION:
        if (delivery_ensure(&w->delivery, w->home))
            learn_position(w, pass);
        break;
    case STATE_READY:
        begin(w, pass);
        break;
    case STATE_OFFSETS:
        send_position(w, pass);
        break;
    case STATE_COMMIT:
        commit(w, pass);
        break;
    case STATE_ABORT:
        abort_transaction(w, pass);
        break;
    }
}

/* ---- the way of delivery ---- */

/* At most one transaction, blocking for at most a few seconds. If Kafka does not answer, the next pass
 * retries the step. */
static struct pass make_pass(struct delivery *d)
{
    struct exactly_once *w = (struct exactly_once *)d;
    struct pass pass = {0};
    enum state before;
    if (delivery_begin(d)) {
        if (!w->transactions.producer)
            transactions_use(&w->transactions, producer_handle(d->producer),
                             producer_unanswered(d->producer));
        do {
            before = w->state;
            step(w, &pass);
        } while (w->state != before && w->state != STATE_READY && d->wait == 0 && !pass.failed);
        pass.in_flight = producer_in_flight(d->producer);
    }
    spool_save(d->spool);
    if (d->wait > 0)
        pass.wait = d->wait;
    pass.more = pass.more || w->state != STATE_READY || *d->replacement.text;
    return pass;
}

/* The message is delivered only once the transaction is committed. */
static void acknowledged(struct delivery *d, const struct produced *message)
{
    struct exactly_once *w = (struct exactly_once *)d;
    if (w->count < (size_t)d->settings->window)
        w->arrivals[w->count++] = (struct arrival){message->time, message->route};
    w->bytes += message->size;
}

static void replacing(struct delivery *d)
{
    struct exactly_once *w = (struct exactly_once *)d;
    transactions_leave(&w->transactions);
    w->state = STATE_INIT;
}

struct delivery *exactly_once_open(const struct bridge_settings *settings, struct spool *spool,
                                   struct dead_letters *letters, struct counters *counters,
                                   struct error *error)
{
    static const struct delivery_way way = {make_pass, acknowledged, replacing};
    const char *id = settings->mqtt.client_id;
    const struct kafka_property required[] = {
        {"enable.idempotence", "true", "transactions need it"},
        {"acks", "all", "fewer acknowledgements could lose records"},
        {"transactional.id", id, "it names the bridge"},
    };
    size_t size = sizeof(struct exactly_once) + (size_t)settings->window * sizeof(struct arrival);
    struct exactly_once *w = calloc(1, size);
    if (!w)
        out_of_memory(size);
    w->id = id;
    memcpy(w->required, required, sizeof required);
    if (delivery_open(&w->delivery, &way, settings, spool, letters, counters, w->required,
                      sizeof required / sizeof *required, error)) {
        w->home = destinations_home(w->delivery.destinations);
        return &w->delivery;
    }
    return NULL;
}
