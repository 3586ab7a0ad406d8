#include "exactly_once.h"

#include "core/clock.h"
#include "core/failpoint.h"
#include "kafka/client.h"
#include "kafka/errors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls that wait for Kafka return after this, to be called again: so a request to stop is seen. */
enum { CALL_TIMEOUT_MS = 1000, FENCINGS_TOLERATED = 3, RETRIES_TOLERATED = 5 };

/* With the waits in between, about a minute where Kafka does not answer. */
enum { FAILURES_TOLERATED = 10 };

static const struct kafka_property required[] = {
    {"enable.idempotence", "true", "transactions need it"},
    {"acks", "all", "fewer acknowledgements could lose records"},
    {"transactional.id", NULL, "it names the bridge"}, /* the value is set per bridge */
};

bool exactly_once_open(struct exactly_once *w, const struct bridge_settings *settings, const char *id,
                       struct spool *spool, struct dead_letters *letters, struct counters *counters,
                       struct error *error)
{
    enum { COUNT = sizeof required / sizeof *required };
    static struct kafka_property properties[COUNT]; /* delivery keeps a pointer for later producers */
    memcpy(properties, required, sizeof properties);
    properties[COUNT - 1].value = id;
    *w = (struct exactly_once){.state = TRANSACTIONS_INIT, .id = id};
    return delivery_open(&w->delivery, settings, spool, letters, counters, properties, COUNT, true, error);
}

static int64_t transaction_timeout(const struct exactly_once *w)
{
    char text[32] = "";
    size_t size = sizeof text;
    rd_kafka_conf_get(rd_kafka_conf(producer_handle(w->delivery.producer)), "transaction.timeout.ms", text,
                      &size);
    return strtoll(text, NULL, 10) * MILLISECOND;
}

/* Kafka fences us when another instance has our id, when it has timed the transaction out, and when an
 * InitProducerId of ours arrives late. The first comes again and again, the others do not. */
static bool fenced_by_a_twin(struct exactly_once *w)
{
    int64_t now = clock_monotonic();
    if (now - w->last_begin >= transaction_timeout(w))
        return false;
    const struct delivery *f = &w->delivery;
    if (w->fencings_explained < f->late_inits + kafka_unanswered_inits(producer_unanswered(f->producer))) {
        w->fencings_explained++;
        return false;
    }
    if (w->fenced_since == 0 || now - w->fenced_since > 5 * MINUTE) {
        w->fenced_since = now;
        w->fencings = 0;
    }
    return ++w->fencings > FENCINGS_TOLERATED;
}

static bool is_fencing(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__FENCED || err == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* Kafka does not know this producer, or the state of its transaction is another one: the same call of the
 * same producer fails again and again. */
static bool is_unknown(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING ||
           err == RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID || err == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE ||
           is_fencing(err);
}

/* Must the producer be replaced after this failure? Where all messages were delivered, a commit that failed
 * may have been carried out all the same: only Kafka's position tells, which the next producer asks for. */
static bool is_final(const struct exactly_once *w, const rd_kafka_error_t *failure)
{
    bool may_stand = w->state == TRANSACTIONS_COMMIT && !w->delivery.rewind_due;
    return rd_kafka_error_is_fatal(failure) || is_unknown(rd_kafka_error_code(failure)) ||
           (may_stand && rd_kafka_error_txn_requires_abort(failure)) || w->failures > FAILURES_TOLERATED;
}

/* Deals with the error of a transactional call (which it frees): the producer is replaced, the transaction
 * aborted, or the call repeated. */
static void call_failed(struct exactly_once *w, rd_kafka_error_t *failure, const char *what,
                        struct pass *pass)
{
    struct delivery *f = &w->delivery;
    rd_kafka_resp_err_t err = rd_kafka_error_code(failure);
    w->failures++;
    char text[512 + KAFKA_ERROR_SIZE], reason[KAFKA_ERROR_SIZE];
    snprintf(text, sizeof text, "%s: %s", what, kafka_explain(err, rd_kafka_error_string(failure), reason));
    delivery_note_missing_topic(f, err);
    if (is_final(w, failure)) {
        if (is_fencing(err) && fenced_by_a_twin(w)) {
            log_error_with(kafka_fenced, LOG_FIELDS(LOG_TEXT("id", w->id)),
                           "another bridge uses the id '%s' at this Kafka cluster and has fenced this one "
                           "off (%s): give one of them another --id",
                           w->id, text);
            pass->failed = true;
        }
        delivery_fail(f, text);
        delivery_replace(f, text);
    } else if (rd_kafka_error_txn_requires_abort(failure)) {
        if (f->rewind_due) /* a delivery report has told the cause */
            log_debug(transaction_failed, "%s; aborting the transaction", text);
        else
            delivery_fail(f, text);
        w->state = TRANSACTIONS_ABORT;
    } else if (rd_kafka_error_is_retriable(failure) && ++w->retries <= RETRIES_TOLERATED) {
        /* A busy coordinator, or one that is just starting. */
        log_debug(transaction_failed, "%s; going on with it", text);
        f->wait = backoff_next(&f->backoff);
    } else {
        delivery_fail(f, text);
    }
    rd_kafka_error_destroy(failure);
}

static void init_transactions(struct exactly_once *w, struct pass *pass)
{
    rd_kafka_error_t *failure =
        rd_kafka_init_transactions(producer_handle(w->delivery.producer), CALL_TIMEOUT_MS);
    if (failure)
        call_failed(w, failure, "Kafka's transaction coordinator", pass);
    else
        w->state = TRANSACTIONS_POSITION;
}

/* ---- the committed position ---- */

static rd_kafka_topic_partition_list_t *position_partition(const struct exactly_once *w)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, w->delivery.settings->kafka_topic, 0);
    return list;
}

/* Takes over the position that Kafka holds, if it is this spool's. */
static void take_position(struct exactly_once *w, const rd_kafka_topic_partition_t *committed,
                          struct pass *pass)
{
    struct spool *spool = w->delivery.spool;
    struct spool_stats stats;
    spool_get_stats(spool, &stats);
    const char *uuid = spool_uuid(spool);
    if (committed->offset < 0) {
        if (stats.delivered > 0)
            log_warning(kafka_position_missing,
                        "Kafka holds no position for '%s' (it forgets one with its topic, and after "
                        "offsets.retention.minutes): going on at "
                        "%" PRIu64 ", the spool's own; the last transaction before it may be there twice",
                        w->id, stats.position);
        return;
    }
    if (committed->metadata_size != strlen(uuid) || memcmp(committed->metadata, uuid, strlen(uuid)) != 0) {
        log_warning(
            kafka_position_foreign,
            "the position that Kafka holds for '%s' is another spool's (%.*s, this one is %s): not used",
            w->id, (int)committed->metadata_size,
            committed->metadata_size ? (const char *)committed->metadata : "", uuid);
        return;
    }
    uint64_t position = (uint64_t)committed->offset;
    log_debug(kafka_position, "Kafka's position for '%s' is %" PRIu64 ", the spool's own %" PRIu64, w->id,
              position, stats.position);
    /* The spool's own may be ahead: it moves on over records that are no messages without a transaction. */
    if (position > stats.position && !spool_advance(spool, position)) {
        log_error(kafka_position_beyond_spool,
                  "Kafka's position for '%s' is %" PRIu64 ", beyond the end of the spool, %" PRIu64
                  ": this spool is older than what it has delivered (a restored copy?), and new messages "
                  "would pass for delivered. Set it aside and start with a new one",
                  w->id, position, stats.next_id);
        pass->failed = true;
    }
}

/* Asks for the group's offset, filling in *position. A consumer asks, not the producer's Admin API:
 * librdkafka 2.0.2 crashes there when the broker answers that it is not the coordinator (yet), since a
 * producer has no group. The consumer never subscribes. isolation.level=read_committed makes it wait for an
 * open transaction of an older instance to end (KIP-447). */
static bool ask_position(const struct exactly_once *w, rd_kafka_topic_partition_list_t *position,
                         struct error *error)
{
    const struct kafka_property properties[] = {
        {.name = "group.id", .value = w->id},
        {.name = "isolation.level", .value = "read_committed"},
        {.name = "enable.auto.commit", .value = "false"},
        {.name = "log_level", .value = "3"}, /* what is wrong is told by the producer */
    };
    rd_kafka_conf_t *conf = kafka_conf_new(RD_KAFKA_CONSUMER, &w->delivery.settings->kafka, NULL, 0,
                                           properties, sizeof properties / sizeof *properties, error);
    char text[KAFKA_ERROR_SIZE];
    rd_kafka_t *consumer = conf ? kafka_new(RD_KAFKA_CONSUMER, conf, error) : NULL;
    if (!consumer)
        return false;
    rd_kafka_resp_err_t err = rd_kafka_committed(consumer, position, 3 * CALL_TIMEOUT_MS);
    if (!err)
        err = position->elems[0].err;
    /* Kafka takes any group for one that has no position yet; others say that there is none. */
    if (err == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
        err = RD_KAFKA_RESP_ERR_NO_ERROR;
        position->elems[0].offset = RD_KAFKA_OFFSET_INVALID;
    }
    kafka_destroy(consumer);
    return !err || error_set(error, "%s", kafka_describe(err, text));
}

static void learn_position(struct exactly_once *w, struct pass *pass)
{
    rd_kafka_topic_partition_list_t *position = position_partition(w);
    struct error error;
    if (ask_position(w, position, &error)) {
        take_position(w, &position->elems[0], pass);
        delivery_recovered(&w->delivery);
        w->state = TRANSACTIONS_READY;
    } else {
        char text[1200];
        snprintf(text, sizeof text, "Kafka does not tell the position of '%s': %s", w->id, error.text);
        delivery_fail(&w->delivery, text);
    }
    rd_kafka_topic_partition_list_destroy(position);
}

/* ---- a transaction ---- */

/* Begins a transaction if there is something to put into it, and puts in what the spool holds. */
static void fill_transaction(struct exactly_once *w, struct pass *pass)
{
    struct delivery *f = &w->delivery;
    int64_t now = clock_monotonic(), due = w->last_begin + f->settings->transaction_interval;
    if (!delivery_peek(f, pass))
        return;
    if (w->last_begin && now < due && !w->filled) {
        pass->wait = due - now;
        return;
    }
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(producer_handle(f->producer));
    if (failure) {
        call_failed(w, failure, "cannot begin a Kafka transaction", pass);
        return;
    }
    w->last_begin = now;
    delivery_produce(f, pass);
    w->filled = pass->more;
    /* Everything up to the last record read is in the transaction, or dead. */
    w->next = f->held ? f->record.id : f->record.id + 1;
    w->state = f->wait > 0 ? TRANSACTIONS_ABORT : TRANSACTIONS_OFFSETS;
}

static void send_position(struct exactly_once *w, struct pass *pass)
{
    rd_kafka_topic_partition_list_t *position = position_partition(w);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(w->id);
    const char *uuid = spool_uuid(w->delivery.spool);
    position->elems[0].offset = (int64_t)w->next;
    /* The list frees the metadata with the library's free. */
    position->elems[0].metadata = rd_kafka_mem_malloc(NULL, strlen(uuid));
    position->elems[0].metadata_size = strlen(uuid);
    memcpy(position->elems[0].metadata, uuid, strlen(uuid));
    rd_kafka_error_t *failure = rd_kafka_send_offsets_to_transaction(producer_handle(w->delivery.producer),
                                                                     position, group, 5 * CALL_TIMEOUT_MS);
    if (failure)
        call_failed(w, failure, "cannot add the position to the Kafka transaction", pass);
    else
        w->state = TRANSACTIONS_COMMIT;
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(position);
}

static void commit(struct exactly_once *w, struct pass *pass)
{
    struct delivery *f = &w->delivery;
    FAILPOINT("before-commit");
    rd_kafka_error_t *failure = rd_kafka_commit_transaction(producer_handle(f->producer), CALL_TIMEOUT_MS);
    if (failure) {
        call_failed(w, failure, "cannot commit the Kafka transaction", pass);
        return;
    }
    FAILPOINT("after-commit");
    log_debug(transaction_committed, "a transaction is committed, the position is %" PRIu64, w->next);
    spool_advance(f->spool, w->next);
    w->failures = 0;
    delivery_committed(f);
    histogram_add(&f->counters->transactions, clock_monotonic() - w->last_begin);
    w->state = TRANSACTIONS_READY;
}

static void abort_transaction(struct exactly_once *w, struct pass *pass)
{
    struct delivery *f = &w->delivery;
    rd_kafka_error_t *failure = rd_kafka_abort_transaction(producer_handle(f->producer), CALL_TIMEOUT_MS);
    if (failure) {
        call_failed(w, failure, "cannot abort the Kafka transaction", pass);
        return;
    }
    delivery_rewind(f);
    counters_add(&f->counters->transactions_aborted, 1);
    log_debug(transaction_aborted, "a transaction is aborted, its messages are produced again");
    w->state = TRANSACTIONS_READY;
}

static void step(struct exactly_once *w, struct pass *pass)
{
    static const char late[] =
        "a request of the last transaction was not answered and may arrive late, in the next one";
    switch (w->state) {
    case TRANSACTIONS_INIT:
        init_transactions(w, pass);
        break;
    case TRANSACTIONS_POSITION:
        if (delivery_ensure_topic(&w->delivery))
            learn_position(w, pass);
        break;
    case TRANSACTIONS_READY:
        if (kafka_unanswered_writes(producer_unanswered(w->delivery.producer)) > 0)
            delivery_replace(&w->delivery, late);
        else if (delivery_ensure_topic(&w->delivery))
            fill_transaction(w, pass);
        break;
    case TRANSACTIONS_OFFSETS:
        send_position(w, pass);
        break;
    case TRANSACTIONS_COMMIT:
        commit(w, pass);
        break;
    case TRANSACTIONS_ABORT:
        abort_transaction(w, pass);
        break;
    }
}

struct pass exactly_once_pass(struct exactly_once *w)
{
    struct delivery *f = &w->delivery;
    struct pass pass = {0};
    enum exactly_once_state before;
    bool replaced;
    if (delivery_begin(f, &replaced)) {
        if (replaced) {
            w->state = TRANSACTIONS_INIT;
            w->failures = 0;
        }
        do {
            before = w->state;
            step(w, &pass);
            if (w->state != before)
                w->retries = 0;
        } while (w->state != before && w->state != TRANSACTIONS_READY && f->wait == 0 && !pass.failed);
        pass.in_flight = producer_in_flight(f->producer);
    }
    spool_save(f->spool);
    if (f->wait > 0)
        pass.wait = f->wait;
    pass.more = pass.more || w->state != TRANSACTIONS_READY || *f->replacement.text;
    return pass;
}
