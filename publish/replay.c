#include "replay.h"

#include "core/clock.h"
#include "core/log.h"
#include "late.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* From one loop to the next, where the file does not show how far its rows are apart. */
static const int64_t default_interval = SECOND;

struct replay {
    const struct replay_settings *settings;
    struct input input;
    struct readings *readings;
    struct replay_mark mark; /* of this loop */
    uint64_t number, seq;    /* of the last message, of the last reading */
    struct faults *faults;   /* NULL: none, as are the next two then */
    struct late *late;
    uint64_t *missing; /* one a column: readings since the last message */
    uint64_t fault_counts[FAULT_KINDS];

    /* This loop. */
    uint64_t rows;    /* read */
    int64_t first;    /* recorded time of its first row, ns */
    int64_t interval; /* recorded time from one row to the next, as the first ones show; 0: not known yet */
    int64_t latest;   /* on the time line */
    bool at_end;      /* all rows are read */

    /* The current row. */
    struct reading reading;
    struct recorded_time restamped;
    int64_t timeline;
    size_t column; /* the next one to be sent */
    bool doubled;  /* the one before is to be sent again */
};

/* ---- life ---- */

static size_t columns(const struct replay *replay)
{
    return replay->settings->readings.columns->count;
}

static bool open_file(struct replay *replay, input_ready *ready, void *context, struct error *error)
{
    const struct replay_settings *settings = replay->settings;
    struct input *input = &replay->input;
    if (!input_open(input, settings->file, ready, context, error))
        return false;
    if (settings->loops == 1 || input->size >= 0)
        replay->readings = readings_open(input->name, input_read, input, &settings->readings, error);
    else
        error_set(error, "%s cannot be read twice: --loop needs a file", input->name);
    if (!replay->readings)
        input_close(input);
    return replay->readings != NULL;
}

static bool make_faults(struct replay *replay)
{
    const struct fault_settings *settings = &replay->settings->faults;
    if (!fault_settings_any(settings))
        return true;
    replay->faults = faults_new(settings, replay->settings->readings.columns);
    /* At most one a column of this row and of those before that are not due. */
    replay->late = late_new(((size_t)settings->late_by + 1) * columns(replay));
    replay->missing = calloc(columns(replay), sizeof *replay->missing);
    return replay->faults && replay->late && replay->missing;
}

static void free_faults(struct replay *replay)
{
    faults_free(replay->faults);
    late_free(replay->late);
    free(replay->missing);
}

struct replay *replay_open(const struct replay_settings *settings, input_ready *ready, void *context,
                           struct error *error)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay) {
        error_set(error, "out of memory");
        return NULL;
    }
    replay->settings = settings;
    replay->column = columns(replay);
    if (!make_faults(replay))
        error_set(error, "out of memory");
    else if (open_file(replay, ready, context, error))
        return replay;
    free_faults(replay);
    free(replay);
    return NULL;
}

void replay_close(struct replay *replay)
{
    free_faults(replay);
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
    replay->at_end = false;
    if (replay->faults) {
        faults_begin_loop(replay->faults, replay->mark.loop);
        memset(replay->missing, 0, columns(replay) * sizeof *replay->missing);
    }
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
    if (__builtin_sub_overflow(time, replay->first, &since_first) ||
        __builtin_add_overflow(replay->mark.timeline, since_first, &replay->timeline))
        return readings_error(replay->readings, error, "the recorded times add up to more than 292 years");
    if (replay->interval == 0 && since_first > 0)
        replay->interval = since_first;
    if (replay->timeline > replay->latest)
        replay->latest = replay->timeline;
    return replay->mark.base == REPLAY_AS_RECORDED || restamp(replay, error);
}

/* Reads the next row, or notices the end of the loop. */
static bool next_row(struct replay *replay, struct error *error)
{
    switch (readings_next(replay->readings, &replay->reading, error)) {
    case READINGS_ROW:
        replay->column = 0;
        return place_row(replay, error);
    case READINGS_END:
        replay->at_end = true;
        return true;
    case READINGS_FAILED:
        break;
    }
    return false;
}

/* ---- messages ---- */

static void yield(struct replay *replay, const struct message *message, enum fault fault,
                  struct replay_message *out)
{
    *out = (struct replay_message){
        .number = ++replay->number,
        .message = *message,
        .fault = fault,
        .timeline = replay->timeline,
    };
    if (replay->missing) {
        out->missing = replay->missing[message->column];
        replay->missing[message->column] = 0;
    }
}

/* The reading in that column of the current row. */
static struct message make_message(const struct replay *replay, size_t column, uint64_t seq)
{
    bool restamped = replay->mark.base != REPLAY_AS_RECORDED;
    return (struct message){
        .time = restamped ? replay->restamped : replay->reading.time,
        .value = replay->reading.values[column],
        .occupancy = replay->reading.occupancy,
        .column = column,
        .seq = seq,
    };
}

/* Takes the next reading of the current row. False when it is not to be sent now. */
static bool next_reading(struct replay *replay, struct replay_message *out)
{
    size_t column = replay->column++;
    enum fault fault = FAULT_NONE;
    if (replay->faults)
        fault = faults_next(replay->faults, readings_row(replay->readings), column,
                            &replay->reading.values[column]);
    struct message message = make_message(replay, column, ++replay->seq);
    replay->fault_counts[fault]++;
    if (fault == FAULT_LATE)
        late_hold(replay->late, &message, replay->rows + (uint64_t)replay->settings->faults.late_by);
    if (fault == FAULT_MISSING)
        replay->missing[column]++;
    if (fault == FAULT_LATE || fault == FAULT_MISSING)
        return false;
    replay->doubled = fault == FAULT_DOUBLE;
    yield(replay, &message, replay->doubled ? FAULT_NONE : fault, out); /* it is the second that is wrong */
    return true;
}

/* The second time. */
static void repeat_reading(struct replay *replay, struct replay_message *out)
{
    struct message message = make_message(replay, replay->column - 1, replay->seq);
    replay->doubled = false;
    yield(replay, &message, FAULT_DOUBLE, out);
}

/* Whether nothing but what is held back fits below the limit: none of that is to be lost. */
static bool is_full(const struct replay *replay)
{
    uint64_t limit = (uint64_t)replay->settings->limit;
    return limit > 0 && replay->late && replay->number + late_count(replay->late) >= limit;
}

/* Of those held back, what is due; at the end of a loop or of the replay all. */
static bool late_reading(struct replay *replay, struct replay_message *out)
{
    struct message message;
    bool at_end = replay->at_end || is_full(replay);
    if (!replay->late || !late_take(replay->late, at_end ? UINT64_MAX : replay->rows, &message))
        return false;
    yield(replay, &message, FAULT_LATE, out);
    return true;
}

/* True when no loop follows the one that is at its end. One without a row would be followed by others like
 * it, as would one in which everything must be missing. */
static bool is_last_loop(const struct replay *replay)
{
    uint64_t loops = (uint64_t)replay->settings->loops;
    if (replay->rows == 0)
        log_warning(no_rows, "%s has no rows to publish", replay->input.name);
    return replay->rows == 0 || replay->settings->faults.rates[FAULT_MISSING] >= 1 ||
           (loops > 0 && replay->mark.loop + 1 >= loops);
}

enum replay_result replay_next(struct replay *replay, struct replay_message *message, struct error *error)
{
    uint64_t limit = (uint64_t)replay->settings->limit;
    while (limit == 0 || replay->number < limit) {
        if (is_full(replay) && late_reading(replay, message))
            return REPLAY_MESSAGE;
        if (replay->doubled) {
            repeat_reading(replay, message);
            return REPLAY_MESSAGE;
        }
        if (replay->column < columns(replay)) {
            if (next_reading(replay, message))
                return REPLAY_MESSAGE;
        } else if (late_reading(replay, message)) {
            return REPLAY_MESSAGE;
        } else if (!replay->at_end) {
            if (!next_row(replay, error))
                return REPLAY_FAILED;
        } else if (is_last_loop(replay)) {
            return REPLAY_END;
        } else if (!next_loop(replay, error)) {
            return REPLAY_FAILED;
        }
    }
    return REPLAY_END;
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

void replay_describe(const struct replay *replay, FILE *out)
{
    input_describe(&replay->input, out);
}

uint64_t replay_rows(const struct replay *replay)
{
    return readings_rows(replay->readings);
}

uint64_t replay_bad_rows(const struct replay *replay)
{
    return readings_bad_rows(replay->readings);
}

const uint64_t *replay_faults(const struct replay *replay)
{
    return replay->fault_counts;
}

double replay_part(const struct replay *replay)
{
    int64_t loops = replay->settings->loops;
    double part = input_part(&replay->input, readings_bytes(replay->readings));
    if (loops == 0 || part < 0)
        return -1;
    return ((double)replay->mark.loop + part) / (double)loops;
}
