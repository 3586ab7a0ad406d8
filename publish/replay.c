#include "replay.h"

#include "clock.h"
#include "log.h"

#include <inttypes.h>
#include <stdlib.h>

/* From one loop to the next, where the file does not tell how far its rows are apart. */
static const int64_t default_interval = SECOND;

struct replay {
    const struct replay_settings *settings;
    struct input input;
    struct readings *readings;
    struct replay_mark mark; /* of this loop */
    uint64_t number, seq;    /* of the last message */

    /* This loop. */
    uint64_t rows;    /* read */
    int64_t first;    /* recorded time of its first row, ns */
    int64_t interval; /* recorded time from one row to the next, as the first tell; 0: not known yet */
    int64_t latest;   /* on the time line */

    /* The current row. */
    struct reading reading;
    struct recorded_time restamped;
    int64_t timeline;
    size_t column; /* the next one to be told */
};

struct replay *replay_open(const struct replay_settings *settings, input_ready *ready, void *context,
                           struct error *error)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay) {
        error_set(error, "out of memory");
        return NULL;
    }
    replay->settings = settings;
    replay->column = settings->readings.columns->count;
    if (!input_open(&replay->input, settings->file, ready, context, error)) {
        free(replay);
        return NULL;
    }
    bool once = settings->loops == 1 || replay->input.size >= 0 ||
                error_set(error, "%s cannot be read twice: --loop needs a file", replay->input.name);
    if (once)
        replay->readings =
            readings_open(replay->input.name, input_read, &replay->input, &settings->readings, error);
    if (replay->readings)
        return replay;
    input_close(&replay->input);
    free(replay);
    return NULL;
}

void replay_close(struct replay *replay)
{
    readings_close(replay->readings);
    input_close(&replay->input);
    free(replay);
}

/* ---- loops ---- */

static void begin_loop(struct replay *replay)
{
    replay->rows = 0;
    replay->interval = 0;
    replay->latest = replay->mark.timeline;
}

void replay_begin(struct replay *replay, const struct replay_mark *mark)
{
    replay->mark = *mark;
    replay->number = mark->number;
    replay->seq = mark->seq;
    begin_loop(replay);
}

/* False with *error where the times become too great. */
static bool next_loop(struct replay *replay, struct error *error)
{
    int64_t interval = replay->interval > 0 ? replay->interval : default_interval;
    replay->mark.loop++;
    replay->mark.number = replay->number;
    replay->mark.seq = replay->seq;
    if (__builtin_add_overflow(replay->latest, interval, &replay->mark.timeline))
        return error_set(error,
                         "%s: after %" PRIu64 " loops its recorded times add up to more than 292 years",
                         replay->input.name, replay->mark.loop);
    begin_loop(replay);
    return input_rewind(&replay->input, error) && readings_rewind(replay->readings, error);
}

/* ---- rows ---- */

static bool restamp(struct replay *replay, struct error *error)
{
    int64_t instant;
    if (__builtin_add_overflow(replay->mark.base, replay->timeline, &instant) || !recorded_time_fits(instant))
        return readings_error(replay->readings, error,
                              "restamped, its time would not lie within 1678 to 2261");
    recorded_time_set(&replay->restamped, instant, true);
    return true;
}

/* Finds the row's place on the time line. */
static bool place_row(struct replay *replay, struct error *error)
{
    int64_t time = replay->reading.time.ns, since_first;
    if (replay->rows++ == 0)
        replay->first = time;
    else if (replay->interval == 0 && time > replay->first)
        replay->interval = time - replay->first;
    if (__builtin_sub_overflow(time, replay->first, &since_first) ||
        __builtin_add_overflow(replay->mark.timeline, since_first, &replay->timeline))
        return readings_error(replay->readings, error, "the recorded times add up to more than 292 years");
    if (replay->timeline > replay->latest)
        replay->latest = replay->timeline;
    return replay->mark.base == REPLAY_AS_RECORDED || restamp(replay, error);
}

static bool last_loop(const struct replay *replay)
{
    return replay->settings->loops > 0 && replay->mark.loop + 1 >= (uint64_t)replay->settings->loops;
}

static enum replay_result next_row(struct replay *replay, struct error *error)
{
    for (;;)
        switch (readings_next(replay->readings, &replay->reading, error)) {
        case READINGS_ROW:
            replay->column = 0;
            return place_row(replay, error) ? REPLAY_MESSAGE : REPLAY_FAILED;
        case READINGS_FAILED:
            return REPLAY_FAILED;
        case READINGS_END:
            if (replay->rows == 0)
                log_warning("%s has no rows to publish", replay->input.name);
            if (replay->rows == 0 || last_loop(replay))
                return REPLAY_END;
            if (!next_loop(replay, error))
                return REPLAY_FAILED;
        }
}

/* ---- messages ---- */

enum replay_result replay_next(struct replay *replay, struct replay_message *message, struct error *error)
{
    const struct replay_settings *settings = replay->settings;
    if (settings->limit > 0 && replay->number >= (uint64_t)settings->limit)
        return REPLAY_END;
    if (replay->column == settings->readings.columns->count) {
        enum replay_result result = next_row(replay, error);
        if (result != REPLAY_MESSAGE)
            return result;
    }
    *message = (struct replay_message){
        .number = ++replay->number,
        .timeline = replay->timeline,
        .message.time = replay->mark.base == REPLAY_AS_RECORDED ? &replay->reading.time : &replay->restamped,
        .message.value = &replay->reading.values[replay->column],
        .message.occupancy = &replay->reading.occupancy,
        .message.column = replay->column++,
        .message.seq = ++replay->seq,
    };
    return REPLAY_MESSAGE;
}

/* ---- what is known ---- */

const struct replay_mark *replay_mark(const struct replay *replay)
{
    return &replay->mark;
}

const char *replay_file(const struct replay *replay)
{
    return replay->input.name;
}

uint64_t replay_rows(const struct replay *replay)
{
    return readings_rows(replay->readings);
}

uint64_t replay_bad_rows(const struct replay *replay)
{
    return readings_bad_rows(replay->readings);
}

double replay_part(const struct replay *replay)
{
    int64_t loops = replay->settings->loops;
    if (loops == 0 || replay->input.size <= 0)
        return -1;
    double part = (double)readings_bytes(replay->readings) / (double)replay->input.size;
    return ((double)replay->mark.loop + part) / (double)loops;
}
