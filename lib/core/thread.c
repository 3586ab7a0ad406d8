#include "thread.h"

void thread_block_signals(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

void thread_restore_signals(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int thread_start(pthread_t *thread, void *(*run)(void *context), void *context)
{
    sigset_t before;
    thread_block_signals(&before);
    int rc = pthread_create(thread, NULL, run, context);
    thread_restore_signals(&before);
    return rc;
}
