/* Whether a bridge's threads move, all but the main thread, which looks: the forwarder, the receiver while it
 * stores a message, and those of threads.h. The main thread alone uses it. */
#ifndef ROOMSTREAM_VITALS_H
#define ROOMSTREAM_VITALS_H

#include "forwarder.h"
#include "pulse.h"
#include "receiver.h"
#include "threads.h"

struct vitals {
    const struct forwarder *forwarder;
    const struct receiver *receiver;
    int64_t looked; /* monotonic ns */
    struct pulse forwarder_pulse, receiver_pulse;
    struct threads threads;
};

/* Both arguments outlive what follows. */
void vitals_begin(struct vitals *vitals, const struct forwarder *forwarder, const struct receiver *receiver);

/* Call it about once a second. */
void vitals_look(struct vitals *vitals);

/* The name of a thread that stands still (pulse.h), and for how many ns; NULL: all move. */
const char *vitals_find_stuck(const struct vitals *vitals, int64_t *still);

#endif
