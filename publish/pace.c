#include "pace.h"

#include "chance.h"
#include "core/clock.h"

void pace_init(struct pace *pace, const struct pace_settings *settings)
{
    *pace = (struct pace){.settings = settings};
}

/* Recorded ns from one message to the next. */
static int64_t gap(int64_t from, int64_t to, int64_t max_gap)
{
    int64_t ns;
    if (to <= from)
        return 0;
    if (__builtin_sub_overflow(to, from, &ns))
        ns = INT64_MAX; /* a damaged file may jump by centuries */
    return max_gap && ns > max_gap ? max_gap : ns;
}

/* The sum, or the greatest number. */
static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* `ns` after start; what is decades away is as good as never. */
static int64_t after(int64_t start, double ns)
{
    return start + (int64_t)(ns < 1e18 ? ns : 1e18);
}

/* Without jitter. */
static int64_t due(struct pace *pace, int64_t time, int64_t now)
{
    const struct pace_settings *settings = pace->settings;
    pace->elapsed = add(pace->elapsed, gap(pace->last_time, time, settings->max_gap));
    pace->last_time = time;
    uint64_t before = pace->messages++;
    switch (settings->mode) {
    case PACE_RECORDED:
        return after(pace->start, (double)pace->elapsed / settings->speed);
    case PACE_RATE:
        return after(pace->start, (double)before * (double)SECOND / settings->rate);
    case PACE_FAST:
        break;
    }
    return now;
}

int64_t pace_next(struct pace *pace, uint64_t number, int64_t time, int64_t now)
{
    const struct pace_settings *settings = pace->settings;
    if (!pace->started) {
        pace->started = true;
        pace->start = pace->latest = now;
        pace->last_time = time;
    }
    int64_t instant = due(pace, time, now);
    if (settings->jitter == 0)
        return instant;
    double part = chance((uint64_t)settings->seed, CHANCE_JITTER, number, 0, 0);
    instant = add(instant, (int64_t)(part * (double)settings->jitter));
    return pace->latest = instant > pace->latest ? instant : pace->latest;
}
