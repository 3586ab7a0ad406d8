/* Between the thread that reads Kafka and the one that writes to the database. There are two batches: one is
 * filled while the other is written; so memory is bounded, and a transaction has the messages that came
 * during the one before.
 *
 * Lifecycle: handover_init; the consumer: handover_offer, handover_ask, handover_reply, handover_wait; the
 * writer: handover_take, then handover_done or handover_answer, until there is nothing more. At the end
 * handover_end, handover_free. */
#ifndef ROOMSTREAM_STORE_HANDOVER_H
#define ROOMSTREAM_STORE_HANDOVER_H

#include "batch.h"
#include "database.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The positions of partitions that the consumer wants to know. */
struct question {
    struct database_position *positions;
    size_t *ids; /* the consumer's numbers of the partitions */
    size_t count;
};

struct handover {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct batch *filled; /* for the writer */
    struct batch *empty;  /* for the consumer; NULL while the writer has it */
    struct question question, reply;
    bool asked, replied;
    bool start_over; /* a batch was dropped: what is filled now does not fit behind what the database has */
    bool ended;
    void (*wake)(void *context); /* called when there is news for the consumer, by the writer's thread */
    void *context;
};

void handover_init(struct handover *handover, void (*wake)(void *context), void *context);
void handover_free(struct handover *handover);

/* ---- the consumer's thread ---- */

/* Gives the batch away and replaces it by an empty one. False while the writer is busy. */
bool handover_offer(struct handover *handover, struct batch **batch);

/* Is the writer idle, so that a batch could be offered? */
bool handover_is_idle(struct handover *handover);

/* Waits up to `ns` until the writer is idle. Returns whether it is. */
bool handover_wait(struct handover *handover, int64_t ns);

/* Asks for positions; the question's memory goes over. Only while nothing is asked. What was offered before
 * is written first. */
void handover_ask(struct handover *handover, struct question question);

/* Takes the reply, whose memory is then the caller's (question_free). False: there is none yet. */
bool handover_reply(struct handover *handover, struct question *reply);

/* Was a batch dropped since the last call? */
bool handover_must_start_over(struct handover *handover);

/* Nothing more will come. */
void handover_end(struct handover *handover);

void question_free(struct question *question);

/* ---- the writer's thread ---- */

/* Waits for work: a batch, or else a question (*batch is NULL then). False: there will be none. */
bool handover_take(struct handover *handover, struct batch **batch, struct question *question);

/* The batch is written, or dropped, and cleared. */
void handover_done(struct handover *handover, struct batch *batch, bool dropped);
void handover_answer(struct handover *handover, struct question question);

#endif
