#include "outbox.h"

#include "core/event.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Who may change a slot: FREE and TO_SEND belong to the owner, SENT to the thread of the outcome, which moves
 * it to DONE or back to TO_SEND. So no two threads ever touch one slot, and its state is all that needs to be
 * atomic. */
enum slot_state { FREE, TO_SEND, SENT, DONE };

struct slot {
    struct outbox_message message; /* first: outcomes come back with a pointer to it */
    atomic_int state;
    bool sent_before;
};

struct outbox {
    outbox_send *send;
    void *context;
    struct slot *slots;
    char *payloads;
    size_t window;
    int event;

    /* The owner's. Positions count up for ever; a slot is position % window. */
    uint64_t oldest, newest; /* the messages without an outcome lie in [oldest, newest) */
    uint64_t next;           /* all before it are sent, unless `returned` says otherwise */
    uint64_t sent, resent;
    uint64_t done_through; /* number of the message before the oldest */

    atomic_size_t limit;
    atomic_size_t pending; /* sent and without an outcome */
    atomic_bool returned;
    _Atomic uint64_t finished;
    atomic_bool armed;
    atomic_size_t armed_count;
};

struct outbox *outbox_new(size_t window, size_t payload_max, outbox_send *send, void *context)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);
    if (!outbox)
        return NULL;
    outbox->event = event_open();
    outbox->slots = calloc(window, sizeof *outbox->slots);
    outbox->payloads = calloc(window, payload_max);
    if (outbox->event < 0 || !outbox->slots || !outbox->payloads) {
        outbox_free(outbox);
        return NULL;
    }
    for (size_t i = 0; i < window; i++)
        outbox->slots[i].message.payload = outbox->payloads + i * payload_max;
    outbox->send = send;
    outbox->context = context;
    outbox->window = window;
    outbox->limit = window;
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    if (outbox->event >= 0)
        close(outbox->event);
    free(outbox->slots);
    free(outbox->payloads);
    free(outbox);
}

/* ---- the owner ---- */

static struct slot *slot_at(struct outbox *outbox, uint64_t position)
{
    return &outbox->slots[position % outbox->window];
}

static void drop_done(struct outbox *outbox)
{
    while (outbox->oldest < outbox->newest && slot_at(outbox, outbox->oldest)->state == DONE) {
        struct slot *slot = slot_at(outbox, outbox->oldest++);
        outbox->done_through = slot->message.number;
        slot->state = FREE;
    }
}

struct outbox_message *outbox_slot(struct outbox *outbox)
{
    drop_done(outbox);
    if (outbox->newest - outbox->oldest >= outbox->limit)
        return NULL;
    return &slot_at(outbox, outbox->newest)->message;
}

void outbox_add(struct outbox *outbox)
{
    struct slot *slot = slot_at(outbox, outbox->newest++);
    slot->sent_before = false;
    slot->state = TO_SEND;
}

static bool send_slot(struct outbox *outbox, struct slot *slot)
{
    bool again = slot->sent_before;
    slot->sent_before = true;
    slot->state = SENT; /* before sending: the outcome may come first */
    atomic_fetch_add(&outbox->pending, 1);
    if (!outbox->send(outbox->context, &slot->message)) {
        atomic_fetch_sub(&outbox->pending, 1);
        slot->state = TO_SEND;
        slot->sent_before = again;
        return false;
    }
    if (again)
        outbox->resent++;
    else
        outbox->sent++;
    return true;
}

bool outbox_flush(struct outbox *outbox)
{
    if (atomic_load(&outbox->returned)) {
        atomic_store(&outbox->returned, false);
        outbox->next = outbox->oldest;
    }
    for (; outbox->next < outbox->newest; outbox->next++) {
        struct slot *slot = slot_at(outbox, outbox->next);
        if (slot->state == TO_SEND && !send_slot(outbox, slot))
            return false;
    }
    return !atomic_load(&outbox->returned);
}

bool outbox_empty(struct outbox *outbox)
{
    drop_done(outbox);
    return outbox->oldest == outbox->newest;
}

uint64_t outbox_done_through(struct outbox *outbox)
{
    drop_done(outbox);
    return outbox->done_through;
}

void outbox_arm(struct outbox *outbox, size_t count)
{
    event_clear(outbox->event); /* first: an outcome from now on leaves it readable */
    atomic_store(&outbox->armed_count, count);
    atomic_store(&outbox->armed, true);
}

void outbox_disarm(struct outbox *outbox)
{
    atomic_store(&outbox->armed, false);
    event_clear(outbox->event);
}

int outbox_fd(const struct outbox *outbox)
{
    return outbox->event;
}

size_t outbox_limit(const struct outbox *outbox)
{
    return atomic_load(&outbox->limit);
}

size_t outbox_pending(const struct outbox *outbox)
{
    return atomic_load(&outbox->pending);
}

uint64_t outbox_sent(const struct outbox *outbox)
{
    return outbox->sent;
}

uint64_t outbox_resent(const struct outbox *outbox)
{
    return outbox->resent;
}

uint64_t outbox_finished(const struct outbox *outbox)
{
    return atomic_load(&outbox->finished);
}

/* ---- any thread ---- */

void outbox_wake(struct outbox *outbox)
{
    event_raise(outbox->event);
}

static void no_longer_pending(struct outbox *outbox)
{
    size_t left = atomic_fetch_sub(&outbox->pending, 1) - 1;
    if (left <= atomic_load(&outbox->armed_count) && atomic_exchange(&outbox->armed, false))
        outbox_wake(outbox);
}

void outbox_done(struct outbox *outbox, struct outbox_message *message)
{
    struct slot *slot = (struct slot *)message;
    atomic_fetch_add(&outbox->finished, 1);
    slot->state = DONE;
    no_longer_pending(outbox);
}

void outbox_returned(struct outbox *outbox, struct outbox_message *message)
{
    struct slot *slot = (struct slot *)message;
    slot->state = TO_SEND;
    atomic_fetch_sub(&outbox->pending, 1);
    if (!atomic_exchange(&outbox->returned, true))
        outbox_wake(outbox);
}

void outbox_set_limit(struct outbox *outbox, size_t limit)
{
    atomic_store(&outbox->limit, limit < outbox->window ? limit : outbox->window);
}
