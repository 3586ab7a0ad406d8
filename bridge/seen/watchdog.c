#include "watchdog.h"

/* Looks are a second apart. Who looks later stood still itself, with the whole process or the machine, and
 * the others had no more time than it had. */
static const int64_t longest_gap = 10 * SECOND;

void watchdog_begin(struct watchdog *w, const struct forwarder *forwarder, const struct receiver *receiver)
{
    int64_t now = clock_monotonic();
    *w = (struct watchdog){
        .forwarder = forwarder,
        .receiver = receiver,
        .looked = now,
        .forwarder_moved = now,
        .receiver_moved = now,
    };
}

static void look(uint64_t beat, bool excused, int64_t now, uint64_t *last_beat, int64_t *moved)
{
    if (excused || beat != *last_beat)
        *moved = now;
    *last_beat = beat;
}

void watchdog_look(struct watchdog *w)
{
    int64_t now = clock_monotonic();
    bool late = now - w->looked > longest_gap, idle = receiver_is_idle(w->receiver);
    w->looked = now;
    look(forwarder_beat(w->forwarder), late, now, &w->forwarder_beat, &w->forwarder_moved);
    look(receiver_beat(w->receiver), late || idle, now, &w->receiver_beat, &w->receiver_moved);
}

const char *watchdog_find_stuck(const struct watchdog *w, int64_t limit, int64_t *still)
{
    if ((*still = w->looked - w->forwarder_moved) > limit)
        return "forwarder";
    if ((*still = w->looked - w->receiver_moved) > limit)
        return "receiver";
    return NULL;
}
