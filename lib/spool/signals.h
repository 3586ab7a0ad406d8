/* The two signals between those who append to a spool and the one who reads it: something was appended, and
 * there is room again. */
#ifndef ROOMSTREAM_SPOOL_SIGNALS_H
#define ROOMSTREAM_SPOOL_SIGNALS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct signals {
    int wake;              /* event */
    atomic_bool armed;     /* the reader waits: an append must raise the event */
    pthread_mutex_t mutex; /* guards: */
    int64_t below_bytes;
    int below_event; /* -1: nobody waits */
};

/* False with errno when there is no event to be had. signals_close in any case. */
bool signals_open(struct signals *signals);
void signals_close(struct signals *signals);

/* Something was appended, or did not fit: after next_id shows it. Cheap where nobody waits. Any thread. */
void signals_appended(struct signals *signals);

/* spool_wait, spool_wake and spool_notify_below of spool.h. */
void signals_wait(struct signals *signals, const _Atomic uint64_t *next_id, uint64_t seen, int64_t longest);
void signals_wake(struct signals *signals);
void signals_ask_below(struct signals *signals, int64_t bytes, int event);

/* So large is the spool now. The reader. */
void signals_size(struct signals *signals, int64_t bytes);

#endif
