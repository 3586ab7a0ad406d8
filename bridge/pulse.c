#include "pulse.h"

#include "clock.h"

/* The longest step, a call to Kafka that is not answered, takes some seconds. */
static const int64_t longest_step = 30 * SECOND;

void pulse_feel(struct pulse *pulse, uint64_t beat, bool idle, int64_t now)
{
    if (idle || beat != pulse->beat)
        pulse->moved = now;
    pulse->beat = beat;
}

bool pulse_is_stuck(const struct pulse *pulse, int64_t now, int64_t *still)
{
    *still = now - pulse->moved;
    return *still > longest_step;
}
