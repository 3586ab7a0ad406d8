/* What a transactional producer has sent and Kafka has not answered: the request timed out, or its connection
 * was lost. librdkafka repeats it and continues, but the first copy may still be in the network, and be
 * carried out at any later time. All transactions of a producer have one epoch, so in a later transaction
 * Kafka cannot tell the difference: a late EndTxn ends that transaction in the middle, a late TxnOffsetCommit
 * sets its position back. A producer with such a request must be replaced before its next transaction:
 * init_transactions raises the epoch, and Kafka refuses what has an older one (KIP-98).
 *
 * librdkafka's interceptors count (rdkafka.h, on_request_sent). So a connection that is closed while it is
 * idle, or a request that was never written in full, leaves nothing unanswered.
 *
 * Lifecycle:
 *   kafka_unanswered_watch   before rd_kafka_new
 *   kafka_unanswered_writes  after a transaction has ended, before the next one begins
 * Each producer has its own, which must live as long as the producer, also where that cannot be destroyed.
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

/* Counts for the producer that is made of conf, from librdkafka's threads. unanswered must outlive the
 * producer. False with *error when librdkafka refuses. */
bool kafka_unanswered_watch(rd_kafka_conf_t *conf, struct kafka_unanswered *unanswered, struct error *error);

/* Requests that may still change a transaction. Between two transactions nothing else is in flight. */
long kafka_unanswered_writes(const struct kafka_unanswered *unanswered);

/* InitProducerId requests that may still arrive. Replacing the producer does not help against these: each one
 * that is carried out raises the epoch, and so fences the producer of that time. */
long kafka_unanswered_inits(const struct kafka_unanswered *unanswered);

#endif
