/* Messages on their way to the broker: a ring of slots that keeps each one until its outcome is known, so
 * that what a broker forgot is sent again, in order and before anything newer. Slots are reused: nothing is
 * allocated per message.
 *
 * Threads: one thread (the owner) fills and sends; outcomes and changes of the connection are reported from
 * any other thread, one at a time, or by the send function itself. No locks: see outbox.c. */
#ifndef ROOMSTREAM_PUBLISH_OUTBOX_H
#define ROOMSTREAM_PUBLISH_OUTBOX_H

#include "faults.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A slot. The owner fills it between outbox_slot and outbox_add. */
struct outbox_message {
    char *payload; /* the outbox's; of the length that outbox_new was given */
    size_t length;
    /* What else the sender must know of it. */
    size_t column;
    enum fault fault;
    uint64_t missing;
    uint64_t number; /* the owner's: it counts up from message to message */
};

/* Hands a message over; false when it cannot be taken now. If true, outbox_done or outbox_returned follows
 * once. */
typedef bool outbox_send(void *context, struct outbox_message *message);

struct outbox;

/* At most `window` messages (1 or more) without an outcome, of at most payload_max bytes each. NULL when
 * memory is exhausted. */
struct outbox *outbox_new(size_t window, size_t payload_max, outbox_send *send, void *context);
void outbox_free(struct outbox *outbox);

/* ---- the owner ---- */

/* The slot for the next message, or NULL while as many as allowed are without an outcome. */
struct outbox_message *outbox_slot(struct outbox *outbox);

/* The slot that outbox_slot gave is filled: it is the newest message now. */
void outbox_add(struct outbox *outbox);

/* Sends what is to be sent, oldest first. True when nothing is left to send. */
bool outbox_flush(struct outbox *outbox);

/* True when every message has been done. */
bool outbox_empty(struct outbox *outbox);

/* The number of the last message before which, itself included, every message has been done; 0 before. */
uint64_t outbox_done_through(struct outbox *outbox);

/* Makes outbox_fd unreadable until at most `count` messages are without an outcome, or something else calls
 * for the owner: a message was returned, or outbox_wake. So a full window costs one wake-up for half a
 * window, not one for each message. To miss nothing: arm, then check what is waited for, then poll. */
void outbox_arm(struct outbox *outbox, size_t count);

/* As outbox_arm, but no count of messages wakes. */
void outbox_disarm(struct outbox *outbox);

/* For poll(). */
int outbox_fd(const struct outbox *outbox);

/* How many messages may be without an outcome at present, and how many are. */
size_t outbox_limit(const struct outbox *outbox);
size_t outbox_pending(const struct outbox *outbox);

/* Messages sent at least once; times that one was sent again; messages done. */
uint64_t outbox_sent(const struct outbox *outbox);
uint64_t outbox_resent(const struct outbox *outbox);
uint64_t outbox_finished(const struct outbox *outbox);

/* ---- any thread ---- */

/* The broker has the message. */
void outbox_done(struct outbox *outbox, struct outbox_message *message);

/* The broker does not have it: it is sent again. */
void outbox_returned(struct outbox *outbox, struct outbox_message *message);

/* Allows at most so many without an outcome from now on, never more than the window. */
void outbox_set_limit(struct outbox *outbox, size_t limit);

/* Wakes the owner. */
void outbox_wake(struct outbox *outbox);

#endif
