/* Whether a bridge's own threads move: the forwarder, and the receiver while it stores a message. Each counts
 * its steps, and the main thread looks. Both /healthz and the service manager's watchdog ask here. What hangs
 * within a library shows otherwise: nothing is received or delivered, and the oldest message ages. The main
 * thread alone uses it. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_WATCHDOG_H
#define ROOMSTREAM_BRIDGE_SEEN_WATCHDOG_H

#include "bridge/in/receiver.h"
#include "bridge/out/forwarder.h"
#include "core/clock.h"

#include <stdint.h>

/* A thread that moves has no longer step: a call to Kafka that is not answered takes some seconds. */
static const int64_t watchdog_longest_step = 30 * SECOND;

struct watchdog {
    const struct forwarder *forwarder;
    const struct receiver *receiver;
    int64_t looked;                         /* monotonic ns */
    uint64_t forwarder_beat, receiver_beat; /* as of then */
    int64_t forwarder_moved,
        receiver_moved; /* monotonic ns: last seen to have moved, or to have nothing to do */
};

/* Both arguments outlive what follows. */
void watchdog_begin(struct watchdog *watchdog, const struct forwarder *forwarder,
                    const struct receiver *receiver);

/* Call it about once a second. */
void watchdog_look(struct watchdog *watchdog);

/* The name of a thread that had not moved for more than `limit` ns at the last look, and for how many ns;
 * NULL: all move. */
const char *watchdog_find_stuck(const struct watchdog *watchdog, int64_t limit, int64_t *still);

#endif
