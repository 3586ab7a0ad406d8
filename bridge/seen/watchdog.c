#include "watchdog.h"

/* Looks are a second apart. If the main thread looks later, it stood still itself, with the whole process or
 * the machine. Then the other threads had no time to move either. */
static const int64_t longest_gap = 10 * SECOND;

void watchdog_begin(struct watchdog *w, const struct forwarder *forwarder, const struct receiver *receiver)
{
    int64_t now = clock_monotonic();
    *w = (struct watchdog){.forwarder = forwarder, .receiver = receiver};
    w->looked = w->forwarder_moved = w->receiver_moved = now;
}

static void look(uint64_t beat, bool excused, int64_t now, uint64_t *last_beat, _Atomic int64_t *moved)
{
    if (excused || beat != *last_beat)
        atomic_store(moved, now);
    *last_beat = beat;
}

void watchdog_look(struct watchdog *w)
{
    int64_t now = clock_monotonic();
    bool late = now - atomic_load(&w->looked) > longest_gap, idle = receiver_is_idle(w->receiver);
    look(forwarder_beat(w->forwarder), late, now, &w->forwarder_beat, &w->forwarder_moved);
    look(receiver_beat(w->receiver), late || idle, now, &w->receiver_beat, &w->receiver_moved);
    atomic_store(&w->looked, now); /* last: who asks meanwhile takes nobody's rest for longer than it is */
}

const char *watchdog_find_stuck(const struct watchdog *w, int64_t limit, int64_t *still)
{
    int64_t looked = atomic_load(&w->looked);
    if ((*still = clock_monotonic() - looked) > limit)
        return "main thread";
    if ((*still = looked - atomic_load(&w->forwarder_moved)) > limit)
        return "forwarder";
    if ((*still = looked - atomic_load(&w->receiver_moved)) > limit)
        return "receiver";
    return NULL;
}
