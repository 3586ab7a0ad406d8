/* Readings joined by recorded time: what comes out, when, and that nothing of how they come changes it. */
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

/* Readings of three inputs, each with gaps, doubles and neighbours that have changed places. */
enum { LENGTH = 600 };

struct stream {
    struct join_reading readings[LENGTH];
};

static void make_stream(struct stream *stream, size_t input)
{
    int64_t row = 0;
    for (int64_t i = 0; i < LENGTH; i++) {
        row += 1 + (rand() % 20 == 0 ? rand() % 9 : 0);
        stream->readings[i] = (struct join_reading){
            .time = 30 * row * SECOND, .value = (double)row + (double)input / 10, .partition = input};
        if (i > 0 && rand() % 10 == 0) {
            struct join_reading swapped = stream->readings[i - 1];
            stream->readings[i - 1] = stream->readings[i];
            stream->readings[i] = swapped;
        }
        if (i > 0 && rand() % 15 == 0)
            stream->readings[i] = stream->readings[rand() % i];
    }
    for (int64_t i = 0; i < LENGTH; i++)
        stream->readings[i].offset = i;
}

struct output {
    struct moment moments[3 * LENGTH];
    size_t count;
};

/* Takes the streams in an order of chance. restarts: with a new join each hundredth time, which takes again
 * what is still needed, and the rest. */
static void run(const struct stream *streams, bool restarts, struct output *output)
{
    struct join *join = join_new(&settings);
    int64_t due, at[INPUTS] = {0}, oldest[INPUTS], last = INT64_MIN;
    bool at_end[INPUTS] = {false};
    *output = (struct output){0};
    for (;;) {
        size_t input = (size_t)rand() % INPUTS;
        for (size_t i = 0; i < INPUTS && (at[input] == LENGTH || join_is_full(join, input)); i++)
            input = (input + 1) % INPUTS;
        for (int64_t i = rand() % 40; i > 0 && at[input] < LENGTH && !join_is_full(join, input); i--) {
            join_take(join, input, &streams[input].readings[at[input]], 0);
            at[input]++;
        }
        bool ended = true;
        for (size_t i = 0; i < INPUTS; i++)
            ended = (at_end[i] = at[i] == LENGTH) && ended;

        struct moment *moments = output->moments;
        while (join_next(join, at_end, 100 * SECOND, &moments[output->count], &due))
            last = moments[output->count++].time;
        if (ended)
            break;
        if (!restarts || last == INT64_MIN || rand() % 100 > 0)
            continue;
        join_oldest(join, oldest, INPUTS);
        join_free(join);
        join = join_new(&settings);
        join_resume(join, last);
        for (size_t i = 0; i < INPUTS; i++)
            at[i] = oldest[i] < 0 ? at[i] : oldest[i];
    }
    join_free(join);
}

static void neither_order_nor_restarts_change_anything(void **state)
{
    static struct stream streams[INPUTS];
    static struct output first, other;
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        srand(seed);
        for (size_t i = 0; i < INPUTS; i++)
            make_stream(&streams[i], i);
        run(streams, false, &first);
        assert_true(first.count > LENGTH);
        for (int i = 0; i < 10; i++) {
            run(streams, i % 2 == 1, &other);
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
