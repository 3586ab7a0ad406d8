#include "join.h"

#include "core/out_of_memory.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct join_reading reading;
    int64_t came; /* monotonic ns */
    bool opens;   /* it was its input's newest: its time is a moment */
};

struct input {
    struct entry *room, *entries; /* by time, no time twice; they begin somewhere in the room */
    size_t count, capacity;
    int64_t newest; /* time; INT64_MIN: none */
};

struct join {
    struct join_settings settings;
    int64_t last; /* time of the last moment; INT64_MIN: none */
    struct input inputs[JOIN_INPUTS_MAX];
};

struct join *join_new(const struct join_settings *settings)
{
    struct join *join = calloc(1, sizeof *join);
    if (!join)
        out_of_memory(sizeof *join);
    join->settings = *settings;
    join->last = INT64_MIN;
    for (size_t i = 0; i < settings->inputs; i++)
        join->inputs[i].newest = INT64_MIN;
    return join;
}

void join_free(struct join *join)
{
    if (!join)
        return;
    for (size_t i = 0; i < join->settings.inputs; i++)
        free(join->inputs[i].room);
    free(join);
}

void join_resume(struct join *join, int64_t time)
{
    join->last = time;
}

/* How many entries are not later than time. */
static size_t count_until(const struct input *input, int64_t time)
{
    size_t low = 0, high = input->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (input->entries[middle].reading.time <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Can no reading come any more that is as old as time? */
static bool is_settled(const struct join *join, const struct input *input, int64_t time)
{
    return input->newest != INT64_MIN && input->newest - join->settings.reorder >= time;
}

/* Makes room behind the last entry. */
static void make_room(struct input *input)
{
    size_t before = (size_t)(input->entries - input->room);
    if (before + input->count < input->capacity)
        return;
    size_t capacity = input->count >= input->capacity / 2 ? 2 * input->capacity + 16 : input->capacity;
    struct entry *room = malloc(capacity * sizeof *room);
    if (!room)
        out_of_memory(capacity * sizeof *room);
    if (input->count > 0)
        memcpy(room, input->entries, input->count * sizeof *room);
    free(input->room);
    input->room = input->entries = room;
    input->capacity = capacity;
}

static void insert(struct input *input, size_t at, const struct entry *entry)
{
    make_room(input);
    memmove(&input->entries[at + 1], &input->entries[at], (input->count - at) * sizeof *entry);
    input->entries[at] = *entry;
    input->count++;
}

/* Drops what no moment can need: all but the last of those that are not later than the last moment, and that
 * one too where it is too old. */
static void forget(const struct join *join, struct input *input)
{
    size_t until = count_until(input, join->last);
    if (until > 0 && input->entries[until - 1].reading.time >= join->last - join->settings.age)
        until--;
    input->entries += until;
    input->count -= until;
}

enum join_result join_take(struct join *join, size_t index, const struct join_reading *reading, int64_t now)
{
    struct input *input = &join->inputs[index];
    const struct entry entry = {.reading = *reading, .came = now, .opens = reading->time > input->newest};
    size_t at = count_until(input, reading->time);
    if (at > 0 && input->entries[at - 1].reading.time == reading->time)
        return JOIN_DOUBLED;
    if (!entry.opens && is_settled(join, input, reading->time))
        return JOIN_LATE;
    insert(input, at, &entry);
    if (entry.opens)
        input->newest = reading->time;
    if (reading->time > join->last)
        return JOIN_TAKEN;
    forget(join, input);
    return JOIN_LATE;
}

bool join_is_full(const struct join *join, size_t input)
{
    return join->inputs[input].count >= join->settings.room;
}

/* The time of the next moment and when its first reading came; false: there is none. */
static bool find_next(const struct join *join, int64_t *time, int64_t *came)
{
    *time = *came = INT64_MAX;
    for (size_t i = 0; i < join->settings.inputs; i++) {
        const struct input *input = &join->inputs[i];
        size_t at = count_until(input, join->last);
        while (at < input->count && !input->entries[at].opens)
            at++;
        if (at == input->count || input->entries[at].reading.time > *time)
            continue;
        const struct entry *entry = &input->entries[at];
        if (entry->reading.time < *time || entry->came < *came)
            *came = entry->came;
        *time = entry->reading.time;
    }
    return *time != INT64_MAX;
}

/* What the input has for that time; NULL: nothing. */
static const struct join_reading *find(const struct input *input, int64_t time)
{
    size_t until = count_until(input, time);
    return until > 0 ? &input->entries[until - 1].reading : NULL;
}

static bool is_complete(const struct join *join, const bool *at_end, int64_t time, int64_t until, int64_t now,
                        int64_t *due)
{
    bool waits = false;
    for (size_t i = 0; i < join->settings.inputs; i++) {
        const struct input *input = &join->inputs[i];
        const struct join_reading *reading = find(input, time);
        if ((reading && reading->time == time) || is_settled(join, input, time))
            continue;
        if (!at_end[i])
            return false;
        waits = true;
    }
    if (!waits || now >= until)
        return true;
    *due = until;
    return false;
}

static void fill(const struct join *join, int64_t time, struct moment *moment)
{
    bool named = false;
    *moment = (struct moment){.time = time};
    for (size_t i = 0; i < join->settings.inputs; i++) {
        const struct join_reading *reading = find(&join->inputs[i], time);
        moment->inputs[i] = MOMENT_MISSING;
        if (!reading || reading->time < time - join->settings.age)
            continue;
        moment->values[i] = reading->value;
        moment->inputs[i] = reading->time == time ? MOMENT_FRESH : MOMENT_OLD;
        if (reading->time == time && !named) {
            moment->utc = reading->utc;
            named = true;
        }
    }
}

bool join_next(struct join *join, const bool *at_end, int64_t now, struct moment *moment, int64_t *due)
{
    int64_t time, came;
    *due = INT64_MAX;
    if (!find_next(join, &time, &came) ||
        !is_complete(join, at_end, time, came + join->settings.wait, now, due))
        return false;
    fill(join, time, moment);
    join->last = time;
    for (size_t i = 0; i < join->settings.inputs; i++)
        forget(join, &join->inputs[i]);
    return true;
}

void join_oldest(const struct join *join, int64_t *offsets, size_t partitions)
{
    for (size_t i = 0; i < partitions; i++)
        offsets[i] = -1;
    for (size_t i = 0; i < join->settings.inputs; i++)
        for (size_t j = 0; j < join->inputs[i].count; j++) {
            const struct join_reading *reading = &join->inputs[i].entries[j].reading;
            int64_t *oldest = &offsets[reading->partition];
            if (*oldest < 0 || reading->offset < *oldest)
                *oldest = reading->offset;
        }
}

size_t join_waiting(const struct join *join)
{
    size_t waiting = 0;
    for (size_t i = 0; i < join->settings.inputs; i++)
        waiting += join->inputs[i].count - count_until(&join->inputs[i], join->last);
    return waiting;
}
