/* Threads that no signal interrupts: signals are the main thread's (stop.h). */
#ifndef ROOMSTREAM_CORE_THREAD_H
#define ROOMSTREAM_CORE_THREAD_H

#include <pthread.h>
#include <signal.h>

/* pthread_create for such a thread; its result. */
int thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

/* The same for threads that a library starts: they inherit the mask of the thread that calls it, between
 * these two. *before is that thread's own mask. */
void thread_block_signals(sigset_t *before);
void thread_restore_signals(const sigset_t *before);

#endif
