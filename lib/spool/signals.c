#include "signals.h"

#include "core/clock.h"
#include "core/event.h"

#include <poll.h>
#include <unistd.h>

bool signals_open(struct signals *s)
{
    pthread_mutex_init(&s->mutex, NULL);
    s->below_event = -1;
    s->wake = event_open();
    return s->wake >= 0;
}

void signals_close(struct signals *s)
{
    if (s->wake >= 0)
        close(s->wake);
    pthread_mutex_destroy(&s->mutex);
}

void signals_appended(struct signals *s)
{
    if (atomic_load(&s->armed) && atomic_exchange(&s->armed, false))
        event_raise(s->wake);
}

void signals_wake(struct signals *s)
{
    event_raise(s->wake);
}

void signals_wait(struct signals *s, const _Atomic uint64_t *next_id, uint64_t seen, int64_t longest)
{
    struct pollfd wait = {.fd = s->wake, .events = POLLIN};
    const struct timespec timeout = {.tv_sec = longest / SECOND, .tv_nsec = longest % SECOND};
    atomic_store(&s->armed, true);
    /* What was appended before arming found nobody to wake. */
    if (atomic_load(next_id) == seen && ppoll(&wait, 1, &timeout, NULL) > 0)
        event_clear(s->wake);
    atomic_store(&s->armed, false);
}

void signals_ask_below(struct signals *s, int64_t bytes, int event)
{
    pthread_mutex_lock(&s->mutex);
    s->below_bytes = bytes;
    s->below_event = event;
    pthread_mutex_unlock(&s->mutex);
}

void signals_size(struct signals *s, int64_t bytes)
{
    pthread_mutex_lock(&s->mutex);
    if (s->below_event >= 0 && bytes <= s->below_bytes) {
        event_raise(s->below_event);
        s->below_event = -1;
    }
    pthread_mutex_unlock(&s->mutex);
}
