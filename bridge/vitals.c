#include "vitals.h"

#include "clock.h"

/* Looks are a second apart. Who looks later stood still itself, with the whole process or the machine, and
 * the others had no more time than it had. */
static const int64_t longest_gap = 10 * SECOND;

/* What threads may wait for. */
static int find_excuses(const struct receiver *receiver)
{
    return (receiver_is_idle(receiver) ? 0 : THREADS_STORING) |
           (receiver_state(receiver) == MQTT_CONNECTING ? THREADS_CONNECTING : 0);
}

void vitals_begin(struct vitals *v, const struct forwarder *forwarder, const struct receiver *receiver)
{
    int64_t now = clock_monotonic();
    *v = (struct vitals){
        .forwarder = forwarder,
        .receiver = receiver,
        .looked = now,
        .forwarder_pulse.moved = now,
        .receiver_pulse.moved = now,
    };
    vitals_look(v);
}

void vitals_look(struct vitals *v)
{
    int64_t now = clock_monotonic();
    bool late = now - v->looked > longest_gap;
    v->looked = now;
    pulse_feel(&v->forwarder_pulse, forwarder_beat(v->forwarder), late, now);
    pulse_feel(&v->receiver_pulse, receiver_beat(v->receiver), late || receiver_is_idle(v->receiver), now);
    threads_look(&v->threads, find_excuses(v->receiver), now);
}

const char *vitals_find_stuck(const struct vitals *v, int64_t *still)
{
    if (pulse_is_stuck(&v->forwarder_pulse, v->looked, still))
        return "forwarder";
    if (pulse_is_stuck(&v->receiver_pulse, v->looked, still))
        return "receiver";
    return threads_find_stuck(&v->threads, still);
}
