/* Exactly-once forwarding: Kafka transactions that commit the spool's position together with the records, as
 * the offset of a consumer group (group: the bridge's id; partition 0 of the destination topic; metadata: the
 * spool's uuid). After a kill the committed position tells what stands in Kafka. KIP-98 and KIP-447 describe
 * the mechanism. */
#ifndef ROOMSTREAM_BRIDGE_OUT_EXACTLY_ONCE_H
#define ROOMSTREAM_BRIDGE_OUT_EXACTLY_ONCE_H

#include "delivery.h"

enum exactly_once_state {
    TRANSACTIONS_INIT,     /* initialize transactions: fences an older instance with this id */
    TRANSACTIONS_POSITION, /* learn the committed position */
    TRANSACTIONS_READY,    /* no transaction is open, and nothing of the last one is on its way */
    TRANSACTIONS_OFFSETS,  /* all records are handed over: add the position to the transaction */
    TRANSACTIONS_COMMIT,
    TRANSACTIONS_ABORT,
};

struct exactly_once {
    struct delivery delivery;
    enum exactly_once_state state;
    const char *id;       /* transactional.id and consumer group */
    uint64_t next;        /* the position after this transaction */
    int64_t last_begin;   /* monotonic ns */
    bool filled;          /* the last transaction was: more waits, and the next one follows at once */
    int64_t fenced_since; /* monotonic ns of the first fencing that is counted; 0: none */
    int fencings;
    long fencings_explained; /* by InitProducerId requests that were not answered */
    int retries;             /* of the current call */
    int failures;            /* since a transaction was committed, or the producer replaced */
};

/* Opens the producer. id outlives it. The forwarder's thread alone uses what is opened. False with *error on
 * a bad configuration. */
bool exactly_once_open(struct exactly_once *way, const struct bridge_settings *settings, const char *id,
                       struct spool *spool, struct dead_letters *letters, struct counters *counters,
                       struct error *error);

/* Does the next step: at most one transaction, blocking for at most a few seconds; a step that Kafka does not
 * answer is gone on with in the next pass. */
struct pass exactly_once_pass(struct exactly_once *way);

#endif
