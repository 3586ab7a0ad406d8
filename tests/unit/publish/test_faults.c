/* Simulated faults: the option, the drawn faults, and the resulting messages. */
#include "core_fixture.h"

#include "core/clock.h"
#include "publish/chance.h"
#include "publish/replay.h"

#include <math.h>
#include <sys/mman.h>

enum { ROWS = 2000 };

static struct column column_items[] = {{(char[]){"A"}, 1}, {(char[]){"B"}, 2}};
static const struct columns columns = {column_items, 2};

static bool parse(const char *text, struct fault_settings *settings, struct error *error)
{
    struct text_list list = {0};
    *settings = (struct fault_settings){0};
    text_list_append(&list, text);
    bool ok = fault_settings_parse(&list, settings, error);
    text_list_free(&list);
    return ok;
}

static void reads_the_option(void **state)
{
    static const struct {
        const char *text, *wanted;
    } wrong[] = {
        {"", "'' is not missing=RATE"},
        {"none=0.1", "'none=0.1' is not missing=RATE"},
        {"missing", "'missing' is not missing=RATE"},
        {"missing=0.1,", "'' is not missing=RATE"},
        {"missing=", "the rate is a number from 0 to 1"},
        {"missing=1.1", "the rate is a number from 0 to 1"},
        {"missing=-0.1", "the rate is a number from 0 to 1"},
        {"missing=0.000000000000000000000000000000000000001", "the rate is a number from 0 to 1"},
        {"missing=0.1:2", "after the colon stands nothing"},
        {"double=0.1:", "after the colon stands nothing"},
        {"stuck=0.1:", "after the colon stands a count of 1 to 1000"},
        {"stuck=0.1:0", "after the colon stands a count of 1 to 1000"},
        {"late=0.1:1001", "after the colon stands a count of 1 to 1000"},
        {"spike=0.1:0", "above 0"},
        {"missing=0.6,late=0.5", "the rates add up to 1.1"},
    };
    struct fault_settings settings;
    struct error error;
    (void)state;
    assert_true(parse("missing=0.5,stuck=0.001:20,spike=.01:2.5,double=0,late=1e-2:7", &settings, &error));
    assert_true(settings.rates[FAULT_MISSING] == 0.5 && settings.rates[FAULT_STUCK] == 0.001 &&
                settings.rates[FAULT_SPIKE] == 0.01 && settings.rates[FAULT_DOUBLE] == 0 &&
                settings.rates[FAULT_LATE] == 0.01);
    assert_true(settings.stuck_for == 20 && settings.spike_by == 2.5 && settings.late_by == 7);
    assert_true(fault_settings_any(&settings));
    assert_true(parse("missing=0", &settings, &error));
    assert_false(fault_settings_any(&settings));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (parse(wrong[i].text, &settings, &error))
            fail_msg("'%s' is taken", wrong[i].text);
        assert_contains(error.text, wrong[i].wanted);
    }
}

static void draws_evenly_and_by_key(void **state)
{
    double sum = 0;
    int low = 0;
    (void)state;
    for (uint64_t i = 0; i < 10000; i++) {
        double number = chance(7, CHANCE_FAULT, 0, i, 1);
        assert_true(number >= 0 && number < 1);
        assert_true(number == chance(7, CHANCE_FAULT, 0, i, 1));
        assert_true(number != chance(8, CHANCE_FAULT, 0, i, 1) &&
                    number != chance(7, CHANCE_JITTER, 0, i, 1) &&
                    number != chance(7, CHANCE_FAULT, 1, i, 1) && number != chance(7, CHANCE_FAULT, 0, i, 2));
        sum += number;
        low += number < 0.1;
    }
    assert_true(fabs(sum / 10000 - 0.5) < 0.02);
    assert_true(low > 900 && low < 1100);
}

/* ---- replays ---- */

struct sent {
    struct replay_message message;
    double value;
};

static bool ready(void *context, int fd)
{
    (void)context;
    (void)fd;
    return true;
}

/* A file whose values count up: in row r, from 1, A is r and B is -r. */
static int make_file(char name[static 32])
{
    int fd = memfd_create("replay", MFD_CLOEXEC);
    FILE *file = fdopen(dup(fd), "w");
    assert_non_null(file);
    fputs("Date,Time,A,B,People\n", file);
    for (int i = 1; i <= ROWS; i++)
        fprintf(file, "2017/12/22,%02d:%02d:%02d,%d,%d,0\n", i / 3600, i / 60 % 60, i % 60, i, -i);
    assert_int_equal(fclose(file), 0);
    snprintf(name, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static struct replay *open_with(const char *name, const char *faults, int64_t seed, int64_t loops,
                                struct replay_settings *settings)
{
    struct error error;
    *settings = (struct replay_settings){.file = name,
                                         .readings = {.date_column = "Date",
                                                      .time_column = "Time",
                                                      .occupancy_column = "People",
                                                      .columns = &columns,
                                                      .earliest = INT64_MIN},
                                         .loops = loops};
    assert_true(parse(faults, &settings->faults, &error));
    settings->faults.seed = seed;
    struct replay *replay = replay_open(settings, ready, NULL, &error);
    assert_non_null(replay);
    return replay;
}

static bool next(struct replay *replay, struct sent *sent)
{
    struct error error;
    char text[NUMBER_MAX + 1];
    enum replay_result result = replay_next(replay, &sent->message, &error);
    if (result == REPLAY_FAILED)
        fail_msg("%s", error.text);
    if (result == REPLAY_END)
        return false;
    const struct number *value = &sent->message.message.value;
    memcpy(text, value->text, value->length);
    text[value->length] = '\0';
    sent->value = strtod(text, NULL);
    return true;
}

/* All messages of a replay in `all`; returns how many. */
static size_t replay_all(const char *faults, int64_t seed, uint64_t counts[static FAULT_KINDS],
                         struct sent all[static 3 * ROWS])
{
    char name[32];
    struct replay_settings settings;
    size_t count = 0;
    int fd = make_file(name);
    struct replay *replay = open_with(name, faults, seed, 1, &settings);
    replay_begin(replay, &(struct replay_mark){.base = REPLAY_AS_RECORDED});
    while (next(replay, &all[count])) {
        assert_int_equal(all[count].message.number, count + 1);
        count++;
    }
    memcpy(counts, replay_faults(replay), FAULT_KINDS * sizeof *counts);
    replay_close(replay);
    close(fd);
    return count;
}

static struct sent all[3 * ROWS], again[3 * ROWS];

/* The row in which the reading of that seq stands, and what was recorded there. */
static double recorded(uint64_t seq)
{
    double row = (double)((seq + 1) / 2);
    return seq % 2 ? row : -row;
}

/* Is the number between these shares of all readings? */
static bool is_share(uint64_t count, double least, double most)
{
    double share = (double)count / (2 * (double)ROWS);
    return share > least && share < most;
}

static void leaves_out_what_is_missing(void **state)
{
    uint64_t counts[FAULT_KINDS], next_seq[2] = {1, 2}, missing = 0;
    size_t count = replay_all("missing=0.2", 1, counts, all);
    (void)state;
    assert_true(is_share(counts[FAULT_MISSING], 0.15, 0.25));
    assert_int_equal(count + counts[FAULT_MISSING], 2 * ROWS);
    for (size_t i = 0; i < count; i++) {
        const struct message *message = &all[i].message.message;
        assert_true(all[i].value == recorded(message->seq) && all[i].message.fault == FAULT_NONE);
        /* The gap in seq and the mark say the same. */
        assert_int_equal(all[i].message.missing, (message->seq - next_seq[message->column]) / 2);
        next_seq[message->column] = message->seq + 2;
        missing += all[i].message.missing;
    }
    assert_true(counts[FAULT_MISSING] - missing < 20); /* those after the last message have no mark */
}

static void repeats_what_is_stuck(void **state)
{
    uint64_t counts[FAULT_KINDS], seen = 0;
    int run[2] = {0};
    double last[2] = {0};
    size_t count = replay_all("stuck=0.01:5", 1, counts, all);
    (void)state;
    assert_int_equal(count, 2 * ROWS);
    assert_true(is_share(counts[FAULT_STUCK], 0.02, 0.08));
    for (size_t i = 0; i < count; i++) {
        size_t column = all[i].message.message.column;
        if (all[i].message.fault == FAULT_STUCK) {
            seen++;
            run[column]++;
            assert_true(all[i].value == last[column]);
        } else {
            assert_int_equal(run[column] % 5, 0);
            run[column] = 0;
            assert_true(all[i].value == recorded(i + 1));
            last[column] = all[i].value;
        }
    }
    assert_int_equal(seen, counts[FAULT_STUCK]);
}

static void makes_spikes_up_and_down(void **state)
{
    uint64_t counts[FAULT_KINDS], up = 0, down = 0;
    size_t count = replay_all("spike=0.1:4", 1, counts, all);
    (void)state;
    assert_int_equal(count, 2 * ROWS);
    for (size_t i = 0; i < count; i++) {
        double wanted = recorded(i + 1), off = all[i].value - wanted;
        if (all[i].message.fault == FAULT_NONE) {
            assert_true(off == 0);
            continue;
        }
        assert_true(fabs(fabs(off) - 4 * fabs(wanted)) < 1e-9);
        up += off > 0;
        down += off < 0;
    }
    assert_int_equal(up + down, counts[FAULT_SPIKE]);
    assert_true(up > 100 && down > 100);
}

static void keeps_spikes_within_what_json_can_say(void **state)
{
    const struct columns one = {column_items, 1};
    struct fault_settings settings;
    struct error error;
    struct number value, parsed;
    (void)state;
    assert_true(parse("spike=1:1e10", &settings, &error));
    struct faults *faults = faults_new(&settings, &one);
    faults_begin_loop(faults, 0);
    for (const char *const *text = (const char *const[]){"0", "-0.0", "1e300", "-1e308", NULL}; *text; text++)
        for (uint64_t row = 0; row < 20; row++) {
            char copy[NUMBER_MAX + 1];
            assert_true(number_parse(*text, '.', &value));
            assert_int_equal(faults_next(faults, row, 0, &value), FAULT_SPIKE);
            memcpy(copy, value.text, value.length);
            copy[value.length] = '\0';
            assert_true(number_parse(copy, '.', &parsed) && strtod(copy, NULL) != 0);
        }
    faults_free(faults);
}

static void tells_twice_what_is_doubled(void **state)
{
    uint64_t counts[FAULT_KINDS], seq = 0;
    size_t count = replay_all("double=0.3", 1, counts, all);
    (void)state;
    assert_true(is_share(counts[FAULT_DOUBLE], 0.25, 0.35));
    assert_int_equal(count, 2 * ROWS + counts[FAULT_DOUBLE]);
    for (size_t i = 0; i < count; i++) {
        seq += all[i].message.fault != FAULT_DOUBLE;
        assert_int_equal(all[i].message.message.seq, seq);
        assert_true(all[i].value == recorded(seq));
    }
}

static void tells_late_what_is_late(void **state)
{
    uint64_t counts[FAULT_KINDS], in_order = 0, late = 0;
    size_t count = replay_all("late=0.2:3", 1, counts, all);
    (void)state;
    assert_int_equal(count, 2 * ROWS);
    for (size_t i = 0; i < count; i++) {
        uint64_t seq = all[i].message.message.seq, row = (seq + 1) / 2,
                 now = (uint64_t)(all[i].message.timeline / SECOND) + 1;
        assert_true(i == 0 || all[i].message.timeline >= all[i - 1].message.timeline);
        if (all[i].message.fault == FAULT_LATE) {
            late++;
            assert_int_equal(now, row + 3 < ROWS ? row + 3 : ROWS);
        } else {
            assert_int_equal(now, row);
            assert_true(seq > in_order);
            in_order = seq;
        }
    }
    assert_int_equal(late, counts[FAULT_LATE]);
    assert_true(is_share(late, 0.15, 0.25));
}

#define EVERYTHING "missing=0.05,stuck=0.01:4,spike=0.05,double=0.05,late=0.05:2"

static bool same(const struct sent *a, const struct sent *b)
{
    return a->message.number == b->message.number && a->message.message.seq == b->message.message.seq &&
           a->message.fault == b->message.fault && a->message.missing == b->message.missing &&
           a->message.message.column == b->message.message.column &&
           a->message.timeline == b->message.timeline && a->value == b->value;
}

static void depends_on_the_seed_alone(void **state)
{
    uint64_t counts[FAULT_KINDS], counts_again[FAULT_KINDS];
    size_t count = replay_all(EVERYTHING, 1, counts, all), differences = 0;
    (void)state;
    assert_int_equal(replay_all(EVERYTHING, 1, counts_again, again), count);
    for (size_t i = 0; i < count; i++)
        assert_true(same(&all[i], &again[i]));
    for (int kind = FAULT_MISSING; kind < FAULT_KINDS; kind++)
        assert_true(counts[kind] > 0 && counts[kind] == counts_again[kind]);
    replay_all(EVERYTHING, 2, counts, again);
    for (size_t i = 0; i < count; i++)
        differences += !same(&all[i], &again[i]);
    assert_true(differences > count / 2);
}

static void draws_again_for_each_loop(void **state)
{
    char name[32];
    struct replay_settings settings;
    struct sent sent;
    size_t count = 0, differences = 0;
    (void)state;
    int fd = make_file(name);
    struct replay *replay = open_with(name, "spike=0.3", 1, 2, &settings);
    replay_begin(replay, &(struct replay_mark){.base = REPLAY_AS_RECORDED});
    for (; next(replay, &sent); count++)
        if (count < 2 * ROWS)
            all[count] = sent;
        else
            differences += sent.message.fault != all[count - 2 * ROWS].message.fault;
    assert_int_equal(count, 4 * ROWS);
    assert_true(differences > ROWS / 2);
    replay_close(replay);
    close(fd);
}

/* A loop that is begun from its mark is the same as one that follows another. */
static void goes_on_from_any_loop(void **state)
{
    char name[32];
    struct replay_settings settings, settings_again;
    struct sent sent, repeated;
    uint64_t seen = 0;
    (void)state;
    int fd = make_file(name);
    struct replay *replay = open_with(name, EVERYTHING, 1, 3, &settings);
    replay_begin(replay, &(struct replay_mark){.base = REPLAY_AS_RECORDED});
    while (next(replay, &sent) && replay_mark(replay)->loop == 0)
        ;
    struct replay_mark mark = *replay_mark(replay);
    assert_int_equal(mark.loop, 1);
    assert_int_equal(mark.seq, 2 * ROWS);
    assert_int_equal(mark.number, sent.message.number - 1);
    struct replay *other = open_with(name, EVERYTHING, 1, 3, &settings_again);
    replay_begin(other, &mark);
    do {
        assert_true(next(other, &repeated) && same(&sent, &repeated));
        seen++;
    } while (next(replay, &sent));
    assert_false(next(other, &repeated));
    assert_true(seen > 3 * ROWS);
    replay_close(replay);
    replay_close(other);
    close(fd);
}

static void ends_where_everything_is_missing(void **state)
{
    char name[32];
    struct replay_settings settings;
    struct sent sent;
    (void)state;
    int fd = make_file(name);
    struct replay *replay = open_with(name, "missing=1", 1, 0, &settings);
    replay_begin(replay, &(struct replay_mark){.base = REPLAY_AS_RECORDED});
    assert_false(next(replay, &sent));
    assert_int_equal(replay_faults(replay)[FAULT_MISSING], 2 * ROWS);
    replay_close(replay);
    close(fd);
}

/* Whole loops: by chance all readings of one are left out, and the others still follow. */
static void goes_on_after_a_loop_without_a_message(void **state)
{
    char name[32];
    struct replay_settings settings;
    struct sent sent;
    uint64_t count = 0;
    (void)state;
    int fd = make_file(name);
    struct replay *replay = open_with(name, "missing=0.6", 1, 50, &settings);
    settings.readings.range.last = 1;
    replay_begin(replay, &(struct replay_mark){.base = REPLAY_AS_RECORDED});
    while (next(replay, &sent))
        count++;
    assert_int_equal(replay_rows(replay), 50);
    assert_int_equal(count + replay_faults(replay)[FAULT_MISSING], 100);
    replay_close(replay);
    close(fd);
}

/* The limit counts messages, and messages that are held back near it are sent in time. */
static void tells_what_is_late_before_the_limit(void **state)
{
    char name[32];
    struct replay_settings settings;
    struct sent sent;
    (void)state;
    int fd = make_file(name);
    for (int64_t limit = 1; limit < 50; limit++) {
        uint64_t count = 0, late = 0, last = 0;
        struct replay *replay = open_with(name, "late=0.5:20", 1, 1, &settings);
        settings.limit = limit;
        replay_begin(replay, &(struct replay_mark){.base = REPLAY_AS_RECORDED});
        while (next(replay, &sent)) {
            count++;
            late += sent.message.fault == FAULT_LATE;
            last = sent.message.message.seq > last ? sent.message.message.seq : last;
        }
        assert_int_equal(count, limit);
        assert_int_equal(late, replay_faults(replay)[FAULT_LATE]);
        assert_int_equal(last, limit); /* no reading is left out */
        replay_close(replay);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_option),
        cmocka_unit_test(draws_evenly_and_by_key),
        cmocka_unit_test(leaves_out_what_is_missing),
        cmocka_unit_test(repeats_what_is_stuck),
        cmocka_unit_test(makes_spikes_up_and_down),
        cmocka_unit_test(keeps_spikes_within_what_json_can_say),
        cmocka_unit_test(tells_twice_what_is_doubled),
        cmocka_unit_test(tells_late_what_is_late),
        cmocka_unit_test(depends_on_the_seed_alone),
        cmocka_unit_test(draws_again_for_each_loop),
        cmocka_unit_test(goes_on_from_any_loop),
        cmocka_unit_test(ends_where_everything_is_missing),
        cmocka_unit_test(goes_on_after_a_loop_without_a_message),
        cmocka_unit_test(tells_what_is_late_before_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
