/* Whether the threads that others made for the bridge move: Paho's, librdkafka's, and those of our libraries
 * that mostly wait (the connector's, the spool's). They count no steps, but each is known to wake up at least
 * every ten seconds, with or without anything to do, and the kernel counts that: context switches, proc(5).
 * Where there is no /proc, none is watched. Not thread-safe. */
#ifndef ROOMSTREAM_THREADS_H
#define ROOMSTREAM_THREADS_H

#include "pulse.h"

#include <stddef.h>
#include <sys/types.h>

/* librdkafka has one for each broker of the cluster; those beyond this number are not watched. */
enum { THREADS_MAX = 200, THREAD_NAME_SIZE = 16 };

struct threads {
    int64_t looked; /* monotonic ns of the last look, 0: none */
    size_t count;
    struct watched_thread {
        pid_t id;
        char name[THREAD_NAME_SIZE];
        struct pulse pulse;
    } list[THREADS_MAX];
};

/* When threads may wait for Paho's lock, however long: */
enum {
    THREADS_STORING = 1,    /* the callback that stores a message holds it */
    THREADS_CONNECTING = 2, /* the send thread holds it, while it waits for a name server that is away */
};

/* Looks, unless the last look was less than ten seconds ago. Begin with zeros. `waiting` has those of the
 * flags above that hold: they excuse the threads that would stand still only for that. */
void threads_look(struct threads *threads, int waiting, int64_t now);

/* The name of one that stands still (pulse.h), and since how many ns; NULL: none does. */
const char *threads_find_stuck(const struct threads *threads, int64_t *still);

#endif
