/* What a transactional producer has sent and Kafka has not answered: the request timed out, or its connection
 * was lost. librdkafka repeats it and goes on, but the first one may still be on its way, and be carried out
 * at any later time. All transactions of a producer have one epoch, so in a later transaction Kafka cannot
 * tell: an EndTxn ends that one in the middle, a TxnOffsetCommit sets its position back. A producer with such
 * a request must be replaced before its next transaction: init_transactions raises the epoch, and Kafka
 * refuses what has an older one (KIP-98).
 *
 * librdkafka's interceptors count (rdkafka.h, on_request_sent), so a connection that is closed while it is
 * idle makes nothing late, and neither does a request that was never written in full.
 *
 * Lifecycle:
 *   kafka_unanswered_watch   before rd_kafka_new
 *   kafka_unanswered_writes  after a transaction has ended, before the next one begins
 * Each producer has its own, which lives as long as it: longer than the program wants where it does not end.
 */
#ifndef ROOMSTREAM_KAFKA_UNANSWERED_H
#define ROOMSTREAM_KAFKA_UNANSWERED_H

#include "core/error.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>

struct kafka_unanswered {
    _Atomic long writes; /* Produce, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit */
    _Atomic long inits;  /* InitProducerId */
};

/* Counts for the producer that is made of conf, from librdkafka's threads. unanswered outlives the producer.
 * False with *error when librdkafka refuses. */
bool kafka_unanswered_watch(rd_kafka_conf_t *conf, struct kafka_unanswered *unanswered, struct error *error);

/* Requests that may still change a transaction. Between two transactions nothing else is under way. */
long kafka_unanswered_writes(const struct kafka_unanswered *unanswered);

/* InitProducerId requests that may still arrive. Replacing the producer does not help against these: each one
 * that is carried out raises the epoch, and so fences the producer of that time. */
long kafka_unanswered_inits(const struct kafka_unanswered *unanswered);

#endif
