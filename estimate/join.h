/* Joins readings by recorded time: the readings of all inputs at one instant are a moment. Knows neither
 * Kafka nor the model, and asks no clock.
 *
 * What comes out depends only on the order of readings within each input, not on how those of different
 * inputs interleave; so the same moments come out after a restart that takes the readings again.
 *  - A moment is each time at which an input has a reading that was its newest when it came.
 *  - A reading of a time that the input already has is doubled, one that is older than the input's newest by
 * `reorder` or more is late; both are ignored.
 *  - A moment is complete when each input has a reading of that very time, or one that is newer by `reorder`
 * or more: then none can come. For an input that has nothing more in Kafka it waits `wait`, from the moment's
 * first reading.
 *  - An input without a reading of that time gets its last one before, unless that is older than `age`.
 * Moments come out in the order of time, each once.
 *
 * Lifecycle: join_new; after a restart join_resume; then join_take for each reading and join_next until there
 * is none; join_free. */
#ifndef ROOMSTREAM_ESTIMATE_JOIN_H
#define ROOMSTREAM_ESTIMATE_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOIN_INPUTS_MAX = 64 };

struct join_settings {
    size_t inputs;
    int64_t age, reorder; /* ns of recorded time */
    int64_t wait;         /* ns that pass */
    size_t room;          /* readings an input may be ahead of the moments */
};

/* A reading and where it stands in Kafka. */
struct join_reading {
    int64_t time; /* ns since 1970-01-01 */
    bool utc;
    double value;
    size_t partition; /* the caller's number */
    int64_t offset;
};

struct join;

struct join *join_new(const struct join_settings *settings);
void join_free(struct join *join);

/* The moments up to this time have come out before a restart. */
void join_resume(struct join *join, int64_t time);

enum join_result {
    JOIN_TAKEN,
    JOIN_DOUBLED, /* ignored */
    JOIN_LATE,    /* ignored, or too late for its moment: it is the input's last one for those that follow */
};

/* `now` is monotonic ns. */
enum join_result join_take(struct join *join, size_t input, const struct join_reading *reading, int64_t now);

/* Is the input so far ahead that no more of it shall be taken before moments come out? */
bool join_is_full(const struct join *join, size_t input);

struct moment {
    int64_t time;
    bool utc;
    enum moment_input {
        MOMENT_FRESH,   /* of this very time */
        MOMENT_OLD,     /* the last one before */
        MOMENT_MISSING, /* there is none, or none so new */
    } inputs[JOIN_INPUTS_MAX];
    double values[JOIN_INPUTS_MAX]; /* 0 for those that are missing */
};

/* The next moment, if it is complete. at_end: which inputs have nothing more in Kafka. Where false, *due is
 * when to ask again though no reading comes (monotonic ns), INT64_MAX: never. */
bool join_next(struct join *join, const bool *at_end, int64_t now, struct moment *moment, int64_t *due);

/* The least offset of a reading that is still needed, of each partition; -1: there is none. */
void join_oldest(const struct join *join, int64_t *offsets, size_t partitions);

/* Readings that wait for their moment. */
size_t join_waiting(const struct join *join);

#endif
