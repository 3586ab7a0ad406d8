/* Checks that a bridge's own threads move: the forwarder, the receiver while it stores a message, and the
 * main thread. The first two count their steps; the main thread looks. Both /healthz and the service
 * manager's watchdog ask here. A library that hangs shows in another way: nothing is received or delivered,
 * and the oldest message ages. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_WATCHDOG_H
#define ROOMSTREAM_BRIDGE_SEEN_WATCHDOG_H

#include "bridge/in/receiver.h"
#include "bridge/out/forwarder.h"
#include "core/clock.h"

#include <stdatomic.h>
#include <stdint.h>

/* A thread that moves has no longer step: a call to Kafka that is not answered takes some seconds. */
static const int64_t watchdog_longest_step = 30 * SECOND;

struct watchdog {
    const struct forwarder *forwarder;
    const struct receiver *receiver;
    uint64_t forwarder_beat, receiver_beat; /* as of the last look */
    /* Monotonic ns: when the main thread last looked, and when a thread was last seen to have moved, or to
     * have nothing to do. */
    _Atomic int64_t looked, forwarder_moved, receiver_moved;
};

/* The main thread. Both arguments outlive its looks. */
void watchdog_begin(struct watchdog *watchdog, const struct forwarder *forwarder,
                    const struct receiver *receiver);

/* The main thread, about once a second. */
void watchdog_look(struct watchdog *watchdog);

/* The name of a thread that has not moved for more than `limit` ns, and for how many ns; NULL: all move. Any
 * thread. */
const char *watchdog_find_stuck(const struct watchdog *watchdog, int64_t limit, int64_t *still);

#endif
