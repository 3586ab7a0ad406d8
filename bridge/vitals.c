#include "vitals.h"

#include "clock.h"

static bool is_connected(const struct receiver *receiver)
{
    enum mqtt_state state = receiver_state(receiver);
    return state == MQTT_CONNECTED || state == MQTT_SUBSCRIBED;
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
    v->looked = clock_monotonic();
    pulse_feel(&v->forwarder_pulse, forwarder_beat(v->forwarder), false, v->looked);
    bool idle = receiver_is_idle(v->receiver);
    pulse_feel(&v->receiver_pulse, receiver_beat(v->receiver), idle, v->looked);
    threads_look(&v->threads,
                 (idle ? 0 : THREADS_STORING) | (is_connected(v->receiver) ? 0 : THREADS_CONNECTING),
                 v->looked);
}

const char *vitals_find_stuck(const struct vitals *v, int64_t *still)
{
    if (pulse_is_stuck(&v->forwarder_pulse, v->looked, still))
        return "forwarder";
    if (pulse_is_stuck(&v->receiver_pulse, v->looked, still))
        return "receiver";
    return threads_find_stuck(&v->threads, still);
}
