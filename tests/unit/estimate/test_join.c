/* Readings joined by recorded time: the result, when it comes, and that it does not depend on the order of
 * arrival. */
#include "core_fixture.h"

#include "core/clock.h"
#include "estimate/join.h"

#include <stdlib.h>

enum { INPUTS = 3, PARTITIONS = 4 };

static const struct join_settings settings = {
    .inputs = INPUTS, .age = 300 * SECOND, .reorder = 120 * SECOND, .wait = 10 * SECOND, .room = 50};
static const bool none_at_end[INPUTS], all_at_end[INPUTS] = {true, true, true};

static enum join_result take(struct join *join, size_t input, int64_t seconds, double value, int64_t offset)
{
    const struct join_reading reading = {
        .time = seconds * SECOND, .value = value, .partition = input, .offset = offset};
    return join_take(join, input, &reading, 0);
}

static void assert_none(struct join *join, const bool *at_end, int64_t now)
{
    struct moment moment;
    int64_t due;
    assert_false(join_next(join, at_end, now, &moment, &due));
}

static struct moment next(struct join *join, const bool *at_end, int64_t now)
{
    struct moment moment;
    int64_t due;
    assert_true(join_next(join, at_end, now, &moment, &due));
    return moment;
}

static void assert_moment(struct join *join, int64_t seconds)
{
    assert_int_equal(next(join, none_at_end, 0).time, seconds * SECOND);
}

static void comes_when_all_inputs_have_it(void **state)
{
    struct join *join = join_new(&settings);
    (void)state;
    assert_none(join, all_at_end, 0);
    take(join, 0, 30, 1.5, 0);
    take(join, 1, 30, 2.5, 0);
    assert_none(join, none_at_end, 1000 * SECOND);
    take(join, 2, 30, 3.5, 0);
    const struct moment moment = next(join, none_at_end, 0);
    for (size_t i = 0; i < INPUTS; i++) {
        assert_int_equal(moment.inputs[i], MOMENT_FRESH);
        assert_true(moment.values[i] == 1.5 + (double)i);
    }
    assert_none(join, all_at_end, 1000 * SECOND);
    join_free(join);
}

static void waits_for_what_may_come(void **state)
{
    struct join *join = join_new(&settings);
    struct moment moment;
    int64_t due;
    (void)state;
    for (size_t i = 0; i < INPUTS; i++)
        take(join, i, 30, 1, 0);
    assert_moment(join, 30);
    take(join, 0, 60, 2, 1);
    take(join, 1, 60, 2, 1);
    assert_false(join_next(join, all_at_end, 9 * SECOND, &moment, &due));
    assert_int_equal(due, 10 * SECOND);
    assert_false(join_next(join, none_at_end, 11 * SECOND, &moment, &due));
    assert_true(join_next(join, all_at_end, 10 * SECOND, &moment, &due));
    assert_int_equal(moment.inputs[1], MOMENT_FRESH);
    assert_int_equal(moment.inputs[2], MOMENT_OLD);
    assert_true(moment.values[2] == 1);
    assert_int_equal(take(join, 2, 60, 3, 1), JOIN_LATE); /* but it is the last one for those that follow */
    take(join, 0, 90, 4, 2);
    take(join, 1, 90, 4, 2);
    assert_true(join_next(join, all_at_end, 10 * SECOND, &moment, &due));
    assert_true(moment.values[2] == 3);
    join_free(join);
}

static void does_not_wait_for_what_cannot_come(void **state)
{
    struct join *join = join_new(&settings);
    (void)state;
    for (size_t i = 0; i < INPUTS; i++)
        take(join, i, 30, (double)i, 0);
    assert_moment(join, 30);
    for (size_t i = 0; i < 2; i++)
        take(join, i, 60, 1, 1);
    take(join, 2, 179, 5, 1);
    assert_none(join, none_at_end, 0);
    take(join, 2, 180, 5, 2);
    const struct moment moment = next(join, none_at_end, 0);
    assert_int_equal(moment.inputs[2], MOMENT_OLD);
    join_free(join);
}

static void forgets_what_is_too_old(void **state)
{
    struct join *join = join_new(&settings);
    (void)state;
    for (size_t i = 0; i < INPUTS; i++)
        take(join, i, 30, 7, 0);
    assert_moment(join, 30);
    for (int64_t second = 330; second <= 331; second++) {
        take(join, 0, second, 8, second);
        take(join, 1, second, 8, second);
        const struct moment moment = next(join, all_at_end, 100 * SECOND);
        assert_int_equal(moment.inputs[2], second == 330 ? MOMENT_OLD : MOMENT_MISSING);
    }
    join_free(join);
}

static void doubled_ones_change_nothing(void **state)
{
    struct join *join = join_new(&settings);
    (void)state;
    take(join, 0, 30, 1, 0);
    assert_int_equal(take(join, 0, 30, 99, 1), JOIN_DOUBLED);
    take(join, 1, 30, 2, 0);
    take(join, 2, 30, 3, 0);
    const struct moment moment = next(join, none_at_end, 0);
    assert_true(moment.values[0] == 1);
    assert_int_equal(take(join, 0, 30, 99, 2), JOIN_DOUBLED);
    take(join, 0, 400, 1, 3);
    assert_int_equal(take(join, 0, 280, 99, 4), JOIN_LATE);
    assert_int_equal(take(join, 0, 281, 99, 5), JOIN_TAKEN);
    join_free(join);
}

static void is_full(void **state)
{
    struct join *join = join_new(&settings);
    (void)state;
    for (int64_t i = 0; i < 50; i++) {
        assert_false(join_is_full(join, 0));
        take(join, 0, 30 * i, 1, i);
    }
    assert_true(join_is_full(join, 0));
    assert_int_equal(join_waiting(join), 50);
    take(join, 1, 0, 1, 0);
    take(join, 2, 0, 1, 0);
    assert_moment(join, 0);
    take(join, 1, 30, 1, 1);
    take(join, 2, 30, 1, 1);
    assert_moment(join, 30);
    assert_false(join_is_full(join, 0));
    join_free(join);
}

static void tells_what_is_still_needed(void **state)
{
    struct join *join = join_new(&settings);
    int64_t oldest[PARTITIONS];
    (void)state;
    for (size_t i = 0; i < INPUTS; i++) {
        take(join, i, 30, 1, 10);
        take(join, i, 60, 1, 11);
        take(join, i, 90, 1, 12);
    }
    join_oldest(join, oldest, PARTITIONS);
    assert_int_equal(oldest[0], 10);
    assert_int_equal(oldest[3], -1);
    assert_moment(join, 30);
    assert_moment(join, 60);
    join_oldest(join, oldest, PARTITIONS);
    assert_int_equal(oldest[2], 11);
    join_free(join);
}

/* ---- any order, any restart ---- */

/* Two partitions: one with the readings of two inputs, one with those of the third. Each input has gaps,
 * doubles with another value, and neighbours that have changed places. */
enum { ROWS = 600, STREAMS = 2, LENGTH = 2 * ROWS };

struct stream {
    struct join_reading readings[LENGTH];
    size_t inputs[LENGTH];
    int64_t count;
};

/* Room for how far the two inputs of a partition get apart. */
static const struct join_settings wide = {
    .inputs = INPUTS, .age = 300 * SECOND, .reorder = 120 * SECOND, .wait = 10 * SECOND, .room = 300};

static void make_readings(struct join_reading *readings, size_t input)
{
    int64_t row = 0;
    for (int64_t i = 0; i < ROWS; i++) {
        row += 1 + (rand() % 20 == 0 ? rand() % 9 : 0);
        readings[i] = (struct join_reading){
            .time = 30 * row * SECOND, .value = (double)row + (double)input / 10, .partition = input / 2};
        if (i > 0 && rand() % 10 == 0) {
            struct join_reading swapped = readings[i - 1];
            readings[i - 1] = readings[i];
            readings[i] = swapped;
        }
        if (i > 0 && rand() % 15 == 0) {
            readings[i] = readings[rand() % i];
            readings[i].value = -1;
        }
    }
}

static void make_streams(struct stream streams[static STREAMS])
{
    static struct join_reading readings[INPUTS][ROWS];
    int64_t at[INPUTS] = {0};
    for (size_t i = 0; i < INPUTS; i++)
        make_readings(readings[i], i);
    for (size_t s = 0; s < STREAMS; s++) {
        struct stream *stream = &streams[s];
        stream->count = s == 0 ? 2 * ROWS : ROWS;
        for (int64_t i = 0; i < stream->count; i++) {
            size_t input = s == 0 ? (size_t)rand() % 2 : 2;
            if (at[input] == ROWS)
                input = 1 - input;
            stream->readings[i] = readings[input][at[input]++];
            stream->readings[i].offset = i;
            stream->inputs[i] = input;
        }
    }
}

struct output {
    struct moment moments[INPUTS * ROWS];
    size_t count;
};

/* Takes up to so many readings of a stream, while its inputs are not full. */
static void take_some(struct join *join, const struct stream *stream, int64_t *at, int64_t most)
{
    for (; most > 0 && *at < stream->count && !join_is_full(join, stream->inputs[*at]); most--, ++*at)
        join_take(join, stream->inputs[*at], &stream->readings[*at], 0);
}

/* Begins again as after a kill: a new join reads what is still needed again, then the rest. */
static struct join *restart(struct join *join, int64_t last, int64_t at[static STREAMS])
{
    int64_t oldest[STREAMS];
    join_oldest(join, oldest, STREAMS);
    join_free(join);
    join = join_new(&wide);
    join_resume(join, last);
    for (size_t s = 0; s < STREAMS; s++)
        at[s] = oldest[s] < 0 ? at[s] : oldest[s];
    return join;
}

/* Takes the streams in a random order. restarts: one in so many steps; 0: none. */
static void run(const struct stream *streams, int restarts, struct output *output)
{
    struct join *join = join_new(&wide);
    int64_t due, at[STREAMS] = {0}, last = INT64_MIN;
    bool ended = false;
    output->count = 0;
    while (!ended) {
        size_t s = (size_t)rand() % STREAMS;
        take_some(join, &streams[s], &at[s], rand() % 40);
        take_some(join, &streams[1 - s], &at[1 - s], 1);
        const bool end0 = at[0] == streams[0].count, end1 = at[1] == streams[1].count;
        const bool at_end[INPUTS] = {end0, end0, end1};
        while (join_next(join, at_end, 100 * SECOND, &output->moments[output->count], &due))
            last = output->moments[output->count++].time;
        ended = end0 && end1;
        if (!ended && restarts > 0 && last != INT64_MIN && rand() % restarts == 0)
            join = restart(join, last, at);
    }
    join_free(join);
}

static void neither_order_nor_restarts_change_anything(void **state)
{
    static struct stream streams[STREAMS];
    static struct output first, other;
    (void)state;
    for (unsigned seed = 0; seed < 50; seed++) {
        srand(seed);
        make_streams(streams);
        run(streams, 0, &first);
        assert_true(first.count > ROWS);
        for (int i = 0; i < 10; i++) {
            run(streams, i % 2 == 1 ? 1 << i : 0, &other);
            assert_int_equal(other.count, first.count);
            assert_memory_equal(other.moments, first.moments, first.count * sizeof *first.moments);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_when_all_inputs_have_it),
        cmocka_unit_test(waits_for_what_may_come),
        cmocka_unit_test(does_not_wait_for_what_cannot_come),
        cmocka_unit_test(forgets_what_is_too_old),
        cmocka_unit_test(doubled_ones_change_nothing),
        cmocka_unit_test(is_full),
        cmocka_unit_test(tells_what_is_still_needed),
        cmocka_unit_test(neither_order_nor_restarts_change_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
