/* Waits between tries: doubling from a first to a longest wait, with jitter so that many programs that lost
 * the same server do not reconnect at the same instant. */
#ifndef ROOMSTREAM_CORE_BACKOFF_H
#define ROOMSTREAM_CORE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t first, longest; /* ns; 0 < first <= longest */
    int64_t next;           /* ns; 0 before the first try */
};

/* The wait before the next try in ns: between half of the current step and the whole of it. Not thread-safe.
 */
int64_t backoff_next(struct backoff *backoff);

/* After success: the next wait is the first one again. */
void backoff_reset(struct backoff *backoff);

#endif
