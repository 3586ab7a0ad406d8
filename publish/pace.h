/* When each message of a replay is due, in absolute time, so that delays never add up. No clock of its own
 * and no waiting: the caller has both. */
#ifndef ROOMSTREAM_PUBLISH_PACE_H
#define ROOMSTREAM_PUBLISH_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum pace_mode {
    PACE_RECORDED, /* as recorded, but faster or slower */
    PACE_RATE,     /* so many messages a second */
    PACE_FAST,     /* all at once */
};

struct pace_settings {
    enum pace_mode mode;
    double speed;    /* PACE_RECORDED: recorded time is divided by it; > 0 */
    double rate;     /* PACE_RATE: messages per second; > 0 */
    int64_t max_gap; /* PACE_RECORDED: longest time between two rows, as recorded, in ns; 0: no limit */
    int64_t jitter;  /* each message is due up to so many ns later, but never before one that precedes it */
    int64_t seed;    /* of the jitter */
};

struct pace {
    const struct pace_settings *settings;
    bool started;
    int64_t start;     /* when the first message was due */
    int64_t last_time; /* recorded time of the last message in ns */
    int64_t elapsed;   /* ns of recorded time from the first message to the last, gaps cut */
    uint64_t messages;
    int64_t latest; /* when the last message was due, jitter included */
};

/* settings outlive the pace. */
void pace_init(struct pace *pace, const struct pace_settings *settings);

/* The instant at which the next message is due, recorded at `time` (ns), on the clock of `now` (ns): the
 * first one at `now`; with PACE_FAST each. `number` is the message's, and draws its jitter. A recorded time
 * before that of the message before counts as the same. */
int64_t pace_next(struct pace *pace, uint64_t number, int64_t time, int64_t now);

#endif
