/* Whether a thread moves: it changes a number with every step, and somebody looks now and then. Not
 * thread-safe. */
#ifndef ROOMSTREAM_PULSE_H
#define ROOMSTREAM_PULSE_H

#include <stdbool.h>
#include <stdint.h>

struct pulse {
    uint64_t beat;
    int64_t moved; /* monotonic ns: when it was last seen to have changed, or to have nothing to do */
};

/* Looks: the thread's number is `beat` now; idle: it has nothing to do, so nothing need change. */
void pulse_feel(struct pulse *pulse, uint64_t beat, bool idle, int64_t now);

/* Has it stood still for longer than a step of a thread that moves can take (30 s)? *still is for how long,
 * in ns. */
bool pulse_is_stuck(const struct pulse *pulse, int64_t now, int64_t *still);

#endif
