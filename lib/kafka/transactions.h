/* The transactions of a producer: the calls, and what is to be done where one fails (KIP-98). The program
 * keeps the order and waits between the calls.
 *
 * All transactions of a producer have one epoch, so Kafka cannot tell a late request of the last transaction
 * from one of the next (unanswered.h). After anything late the producer must be replaced: transactions_init
 * then raises the epoch, which fences what is still on its way.
 *
 * Lifecycle:
 *   struct transactions t = {0}
 *   transactions_use            a producer that is new, with transactional.id
 *   transactions_init           once for each producer
 *   the program asks what position is committed
 *     transactions_are_late     where true: replace the producer
 *     transactions_begin        then the records are produced
 *     transactions_send_offsets the position after them
 *     transactions_commit       or transactions_abort
 *   transactions_leave          before the producer is closed; transactions_use with the next one
 *
 * A call blocks for a few seconds at most. One thread. */
#ifndef ROOMSTREAM_KAFKA_TRANSACTIONS_H
#define ROOMSTREAM_KAFKA_TRANSACTIONS_H

#include "core/error.h"
#include "unanswered.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/* What a call came to. But for TRANSACTION_DONE, *error says what failed. */
enum transaction_result {
    TRANSACTION_DONE,
    TRANSACTION_BUSY,   /* make the same call again after a moment: the coordinator is busy, or is starting */
    TRANSACTION_FAILED, /* make the same call again after a while */
    TRANSACTION_ABORT,  /* call transactions_abort; the records are produced again */
    TRANSACTION_REPLACE, /* replace the producer; whether the transaction stands only the committed position
                            tells */
    TRANSACTION_FENCED,  /* the same, but another process has this transactional.id: the program should end */
};

/* Zero-initialized is how it begins. It outlives the producers. */
struct transactions {
    rd_kafka_t *producer; /* NULL: none now */
    const struct kafka_unanswered *unanswered;
    int64_t begun;               /* monotonic ns: when the last transaction began; 0: none did */
    rd_kafka_resp_err_t failure; /* of the last call that was not TRANSACTION_DONE */
    int retries;                 /* of the present call */
    int failures;                /* since a commit, or since the producer is new */
    int64_t fenced_since;        /* monotonic ns of the first fencing that is counted; 0: none */
    int fencings;
    long fencings_explained; /* by InitProducerId requests that were not answered */
    long former_inits;       /* such requests of former producers */
};

/* Both arguments are valid until transactions_leave. */
void transactions_use(struct transactions *transactions, rd_kafka_t *producer,
                      const struct kafka_unanswered *unanswered);
void transactions_leave(struct transactions *transactions);

/* Between two transactions: may a request of an earlier one still arrive? */
bool transactions_are_late(const struct transactions *transactions);

enum transaction_result transactions_init(struct transactions *transactions, struct error *error);
enum transaction_result transactions_begin(struct transactions *transactions, struct error *error);

/* Adds the offsets, as those of the group, to the transaction. */
enum transaction_result transactions_send_offsets(struct transactions *transactions,
                                                  const rd_kafka_topic_partition_list_t *offsets,
                                                  const rd_kafka_consumer_group_metadata_t *group,
                                                  struct error *error);

/* Serves the delivery reports that are due. *refused: one of them, or one before, has told of an error. Where
 * none has, a commit that failed may have been carried out all the same. */
enum transaction_result transactions_commit(struct transactions *transactions, const bool *refused,
                                            struct error *error);
enum transaction_result transactions_abort(struct transactions *transactions, struct error *error);

#endif
