/* Runs a task in a thread of its own, within an interval after a request. However many requests there are, it
 * runs at most once an interval. An idle thread wakes up every ten seconds, so that it can be seen to be
 * alive. */
#ifndef ROOMSTREAM_SPOOL_BACKGROUND_H
#define ROOMSTREAM_SPOOL_BACKGROUND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct background {
    const char *name;
    void (*task)(void *context);
    void *context;
    int64_t interval; /* ns */
    pthread_t thread;
    pthread_mutex_t mutex; /* guards stopping and the sleep */
    pthread_cond_t changed;
    atomic_bool due;
    bool stopping;
};

/* Starts the thread, with all signals blocked. The name, of 15 bytes at most, is for lists of threads; it
 * must outlive the thread. Returns 0 or an errno. */
int background_start(struct background *background, const char *name, int64_t interval,
                     void (*task)(void *context), void *context);

/* The task runs within the interval. Any thread; nearly free while it is due already. */
void background_request(struct background *background);

/* Ends the thread, after the task if that is running. Later requests are dropped. */
void background_stop(struct background *background);

#endif
