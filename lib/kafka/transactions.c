#include "transactions.h"

#include "core/clock.h"
#include "errors.h"

#include <stdlib.h>

/* Calls that wait for Kafka return after this, to be called again: so a request to stop is seen. */
enum { CALL_TIMEOUT_MS = 1000, OFFSETS_TIMEOUT_MS = 5 * CALL_TIMEOUT_MS };

enum { FENCINGS_TOLERATED = 3, RETRIES_TOLERATED = 5 };

/* With the waits in between, about a minute where Kafka does not answer. */
enum { FAILURES_TOLERATED = 10 };

void transactions_use(struct transactions *t, rd_kafka_t *producer, const struct kafka_unanswered *unanswered)
{
    t->producer = producer;
    t->unanswered = unanswered;
    t->retries = t->failures = 0;
}

void transactions_leave(struct transactions *t)
{
    if (t->producer)
        t->former_inits += kafka_unanswered_inits(t->unanswered);
    t->producer = NULL;
}

bool transactions_are_late(const struct transactions *t)
{
    return kafka_unanswered_writes(t->unanswered) > 0;
}

static int64_t transaction_timeout(const struct transactions *t)
{
    char text[32] = "";
    size_t size = sizeof text;
    rd_kafka_conf_get(rd_kafka_conf(t->producer), "transaction.timeout.ms", text, &size);
    return strtoll(text, NULL, 10) * MILLISECOND;
}

/* Kafka fences us when another instance has our id, when it has timed the transaction out, and when an
 * InitProducerId of ours arrives late. The first comes again and again, the others do not. */
static bool fenced_by_a_twin(struct transactions *t)
{
    int64_t now = clock_monotonic();
    if (now - t->begun >= transaction_timeout(t))
        return false;
    if (t->fencings_explained < t->former_inits + kafka_unanswered_inits(t->unanswered)) {
        t->fencings_explained++;
        return false;
    }
    if (t->fenced_since == 0 || now - t->fenced_since > 5 * MINUTE) {
        t->fenced_since = now;
        t->fencings = 0;
    }
    return ++t->fencings > FENCINGS_TOLERATED;
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

/* What is to be done. may_stand: the transaction may be committed all the same, so it cannot be aborted: only
 * Kafka's position tells, which the next producer asks for. */
static enum transaction_result judge(struct transactions *t, const rd_kafka_error_t *failure, bool may_stand)
{
    bool aborts = rd_kafka_error_txn_requires_abort(failure);
    t->failure = rd_kafka_error_code(failure);
    t->failures++;
    if (rd_kafka_error_is_fatal(failure) || is_unknown(t->failure) || (may_stand && aborts) ||
        t->failures > FAILURES_TOLERATED)
        return is_fencing(t->failure) && fenced_by_a_twin(t) ? TRANSACTION_FENCED : TRANSACTION_REPLACE;
    if (aborts) {
        t->retries = 0;
        return TRANSACTION_ABORT;
    }
    if (rd_kafka_error_is_retriable(failure) && ++t->retries <= RETRIES_TOLERATED)
        return TRANSACTION_BUSY;
    return TRANSACTION_FAILED;
}

/* Frees the failure; NULL: there is none. */
static enum transaction_result conclude(struct transactions *t, rd_kafka_error_t *failure, const char *what,
                                        bool may_stand, struct error *error)
{
    char reason[KAFKA_ERROR_SIZE];
    if (!failure) {
        t->retries = 0;
        return TRANSACTION_DONE;
    }
    enum transaction_result result = judge(t, failure, may_stand);
    error_set(error, "%s: %s", what, kafka_explain(t->failure, rd_kafka_error_string(failure), reason));
    rd_kafka_error_destroy(failure);
    return result;
}

enum transaction_result transactions_init(struct transactions *t, struct error *error)
{
    return conclude(t, rd_kafka_init_transactions(t->producer, CALL_TIMEOUT_MS),
                    "Kafka's transaction coordinator", false, error);
}

enum transaction_result transactions_begin(struct transactions *t, struct error *error)
{
    int64_t now = clock_monotonic();
    enum transaction_result result = conclude(t, rd_kafka_begin_transaction(t->producer),
                                              "cannot begin a Kafka transaction", false, error);
    if (result == TRANSACTION_DONE)
        t->begun = now;
    return result;
}

enum transaction_result transactions_send_offsets(struct transactions *t,
                                                  const rd_kafka_topic_partition_list_t *offsets,
                                                  const rd_kafka_consumer_group_metadata_t *group,
                                                  struct error *error)
{
    return conclude(t, rd_kafka_send_offsets_to_transaction(t->producer, offsets, group, OFFSETS_TIMEOUT_MS),
                    "cannot add the position to the Kafka transaction", false, error);
}

enum transaction_result transactions_commit(struct transactions *t, const bool *refused, struct error *error)
{
    rd_kafka_error_t *failure = rd_kafka_commit_transaction(t->producer, CALL_TIMEOUT_MS);
    enum transaction_result result =
        conclude(t, failure, "cannot commit the Kafka transaction", !*refused, error);
    if (result == TRANSACTION_DONE)
        t->failures = 0;
    return result;
}

enum transaction_result transactions_abort(struct transactions *t, struct error *error)
{
    return conclude(t, rd_kafka_abort_transaction(t->producer, CALL_TIMEOUT_MS),
                    "cannot abort the Kafka transaction", false, error);
}
