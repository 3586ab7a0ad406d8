#include "background.h"

#include "core/clock.h"
#include "core/thread.h"

#include <time.h>

static void *run(void *argument)
{
    struct background *background = argument;
    pthread_setname_np(pthread_self(), background->name);
    pthread_mutex_lock(&background->mutex);
    while (!background->stopping) {
        while (!background->stopping && !atomic_load(&background->due))
            pthread_cond_wait(&background->changed, &background->mutex);
        int64_t end = clock_monotonic() + background->interval;
        const struct timespec limit = {.tv_sec = end / SECOND, .tv_nsec = end % SECOND};
        while (!background->stopping && clock_monotonic() < end)
            pthread_cond_timedwait(&background->changed, &background->mutex, &limit);
        if (background->stopping)
            break;
        pthread_mutex_unlock(&background->mutex);
        /* A request from here on may be too late for this run. */
        atomic_store(&background->due, false);
        background->task(background->context);
        pthread_mutex_lock(&background->mutex);
    }
    pthread_mutex_unlock(&background->mutex);
    return NULL;
}

int background_start(struct background *background, const char *name, int64_t interval,
                     void (*task)(void *context), void *context)
{
    pthread_condattr_t attributes;
    *background = (struct background){.name = name, .task = task, .context = context, .interval = interval};
    pthread_mutex_init(&background->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&background->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int rc = thread_start(&background->thread, run, background);
    if (rc != 0) {
        pthread_cond_destroy(&background->changed);
        pthread_mutex_destroy(&background->mutex);
    }
    return rc;
}

void background_request(struct background *background)
{
    if (atomic_load_explicit(&background->due, memory_order_relaxed) ||
        atomic_exchange(&background->due, true))
        return;
    pthread_mutex_lock(&background->mutex);
    pthread_cond_signal(&background->changed);
    pthread_mutex_unlock(&background->mutex);
}

void background_stop(struct background *background)
{
    pthread_mutex_lock(&background->mutex);
    background->stopping = true;
    pthread_cond_signal(&background->changed);
    pthread_mutex_unlock(&background->mutex);
    pthread_join(background->thread, NULL);
    pthread_cond_destroy(&background->changed);
    pthread_mutex_destroy(&background->mutex);
}
