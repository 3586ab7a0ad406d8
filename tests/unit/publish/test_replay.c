/* The messages of a replay, from files in memory. */
#include "core_fixture.h"

#include "core/clock.h"
#include "publish/replay.h"

#include <inttypes.h>
#include <sys/mman.h>

#define HEADER "Date,Time,A,B,People\n"
#define ROWS                                                                                                 \
    "2017/12/22,10:00:00,1,2,0\n"                                                                            \
    "2017/12/22,10:00:30,3,4,1\n"                                                                            \
    "2017/12/22,10:01:10,5,6,2\n"

static struct column column_items[] = {{(char[]){"A"}, 1}, {(char[]){"B"}, 2}};
static const struct columns columns = {column_items, 2};

static bool ready(void *context, int fd)
{
    (void)fd;
    return !context || --*(int *)context >= 0;
}

/* A file of that text, which is the file named by `name`. */
static int make_file(const char *text, char name[static 32])
{
    int fd = memfd_create("replay", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    snprintf(name, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static struct replay_settings usual(void)
{
    return (struct replay_settings){
        .readings = {.date_column = "Date",
                     .time_column = "Time",
                     .occupancy_column = "People",
                     .columns = &columns,
                     .earliest = INT64_MIN},
        .loops = 1,
    };
}

/* A file that these settings read so many times; 0: for ever. */
static int use_rows(struct replay_settings *settings, char name[static 32], int loops)
{
    settings->file = name;
    settings->loops = loops;
    return make_file(HEADER ROWS, name);
}

/* Reads on, and writes each message as "NUMBER/SEQ VALUE@SECONDS;", SECONDS on the time line, or with `times`
 * the time that it tells; then "." or "?message". With `until` not 0 it ends after that many. */
static void dump(struct replay *replay, bool times, int until, char text[static 4096])
{
    struct replay_message m;
    struct error error;
    enum replay_result result = REPLAY_MESSAGE;
    size_t length = 0;
    for (int i = 0; (until == 0 || i < until) && length < 4000; i++) {
        if ((result = replay_next(replay, &m, &error)) != REPLAY_MESSAGE)
            break;
        length += (size_t)sprintf(text + length, "%" PRIu64 "/%" PRIu64 " %.*s@", m.number, m.message.seq,
                                  (int)m.message.value.length, m.message.value.text);
        if (times)
            length += (size_t)sprintf(text + length, "%.10s %.*s%s;", m.message.time.date,
                                      (int)m.message.time.clock_length, m.message.time.clock,
                                      m.message.time.utc ? "Z" : "");
        else
            length += (size_t)sprintf(text + length, "%.9g;", (double)m.timeline / SECOND);
    }
    sprintf(text + length, "%s%s",
            result == REPLAY_END      ? "."
            : result == REPLAY_FAILED ? "?"
                                      : "",
            result == REPLAY_FAILED ? error.text : "");
}

/* A replay from the mark. */
static struct replay *begin(const struct replay_settings *settings, struct replay_mark mark)
{
    struct error error;
    struct replay *replay = replay_open(settings, ready, NULL, &error);
    assert_non_null(replay);
    replay_begin(replay, &mark);
    return replay;
}

/* The dump of a file's replay from the mark. */
static void check_from(struct replay_mark mark, const char *file, const struct replay_settings *settings,
                       bool times, const char *wanted)
{
    char name[32], text[4096];
    struct replay_settings with_file = *settings;
    int fd = make_file(file, name);
    with_file.file = name;
    struct replay *replay = begin(&with_file, mark);
    dump(replay, times, 0, text);
    assert_string_equal(text, wanted);
    replay_close(replay);
    close(fd);
}

static void check(const char *file, const struct replay_settings *settings, const char *wanted)
{
    check_from((struct replay_mark){.base = REPLAY_AS_RECORDED}, file, settings, false, wanted);
}

#define ONCE "1/1 1@0;2/2 2@0;3/3 3@30;4/4 4@30;5/5 5@70;6/6 6@70;"

static void goes_through_rows_and_columns(void **state)
{
    struct replay_settings settings = usual();
    (void)state;
    check(HEADER ROWS, &settings, ONCE ".");
    settings.limit = 3;
    check(HEADER ROWS, &settings, "1/1 1@0;2/2 2@0;3/3 3@30;.");
    settings.limit = 6;
    check(HEADER ROWS, &settings, ONCE ".");
}

/* A loop follows the one before by the time between the file's first rows. */
static void goes_through_loops(void **state)
{
    struct replay_settings settings = usual();
    (void)state;
    settings.loops = 2;
    check(HEADER ROWS, &settings, ONCE "7/7 1@100;8/8 2@100;9/9 3@130;10/10 4@130;11/11 5@170;12/12 6@170;.");
    settings.loops = 0;
    settings.limit = 8;
    check(HEADER ROWS, &settings, ONCE "7/7 1@100;8/8 2@100;.");
    settings.loops = 3;
    settings.limit = 0;
    check(HEADER "2017/12/22,10:00:00,1,2,0\n", &settings,
          "1/1 1@0;2/2 2@0;3/3 1@1;4/4 2@1;5/5 1@2;6/6 2@2;.");
}

static void goes_on_from_any_loop(void **state)
{
    struct replay_settings settings = usual();
    const struct replay_mark mark = {
        .loop = 7, .number = 42, .seq = 50, .timeline = 700 * SECOND, .base = REPLAY_AS_RECORDED};
    (void)state;
    settings.loops = 8;
    check_from(mark, HEADER ROWS, &settings, false,
               "43/51 1@700;44/52 2@700;45/53 3@730;46/54 4@730;47/55 5@770;48/56 6@770;.");
    settings.limit = 44;
    check_from(mark, HEADER ROWS, &settings, false, "43/51 1@700;44/52 2@700;.");
}

/* Wherever a loop begins, beginning again with its mark gives what would have followed. */
static void gives_marks_that_it_goes_on_from(void **state)
{
    char name[32], text[4096], again[4096];
    struct replay_settings settings = usual();
    struct replay_mark mark = {.base = 1000 * SECOND};
    (void)state;
    int fd = use_rows(&settings, name, 4);
    struct replay *replay = begin(&settings, mark);
    for (int loop = 0; loop < 3; loop++) {
        dump(replay, true, loop == 0 ? 7 : 6, text); /* the first message of the next loop is out */
        mark = *replay_mark(replay);
        assert_int_equal(mark.loop, loop + 1);
        assert_int_equal(mark.number, 6 * (loop + 1));
        assert_int_equal(mark.seq, 6 * (loop + 1));
        assert_int_equal(mark.timeline, 100 * (loop + 1) * SECOND);
        assert_int_equal(mark.base, 1000 * SECOND);
        struct replay *other = begin(&settings, mark);
        dump(other, true, 7, text);
        replay_close(other);
    }
    dump(replay, true, 0, again);
    /* `text` is the whole of the last loop, of which the first message is not in `again`. */
    assert_string_equal(strchr(text, ';') + 1, again);
    replay_close(replay);
    close(fd);
}

static void restamps(void **state)
{
    struct replay_settings settings = usual();
    const struct replay_mark mark = {.base = 86390 * SECOND + 250 * MILLISECOND};
    (void)state;
    settings.loops = 2;
    check_from(mark, HEADER "2017/12/22,10:00:00.5,1,2,0\n2017/12/22,10:00:10.5,3,4,1\n", &settings, true,
               "1/1 1@1970/01/01 23:59:50.250Z;2/2 2@1970/01/01 23:59:50.250Z;"
               "3/3 3@1970/01/02 00:00:00.250Z;4/4 4@1970/01/02 00:00:00.250Z;"
               "5/5 1@1970/01/02 00:00:10.250Z;6/6 2@1970/01/02 00:00:10.250Z;"
               "7/7 3@1970/01/02 00:00:20.250Z;8/8 4@1970/01/02 00:00:20.250Z;.");
    settings.loops = 1;
    check_from((struct replay_mark){.base = REPLAY_AS_RECORDED}, HEADER "2017/12/22,10:00:00.5,1,2,0\n",
               &settings, true, "1/1 1@2017/12/22 10:00:00.500;2/2 2@2017/12/22 10:00:00.500;.");
}

#define LONG_AGO "1678/01/01,00:00:00,1,2,0\n"

static void says_where_times_are_too_far_apart(void **state)
{
    char name[32], text[4096];
    struct replay_settings settings = usual();
    struct replay_mark mark = {.base = REPLAY_AS_RECORDED};
    (void)state;
    int fd = make_file(HEADER LONG_AGO "2261/12/31,00:00:00,1,2,0\n", name);
    settings.file = name;
    for (int i = 0; i < 2; i++) {
        struct replay *replay = begin(&settings, mark);
        dump(replay, false, 0, text);
        assert_contains(text, ":3:2 (Time): the recorded times add up to more than 292 years");
        replay_close(replay);
        mark.base = 0;
    }
    close(fd);
    fd = make_file(HEADER LONG_AGO "1950/01/01,00:00:00,1,2,0\n", name);
    settings.file = name;
    mark.base = INT64_C(1800000000) * SECOND;
    settings.loops = 0;
    struct replay *replay = begin(&settings, mark);
    dump(replay, false, 0, text);
    assert_contains(text, ":3:2 (Time): restamped, its time would not lie within 1678 to 2261");
    replay_close(replay);
    mark.base = REPLAY_AS_RECORDED;
    replay = begin(&settings, mark);
    dump(replay, false, 0, text);
    assert_contains(text, "add up to more than 292 years");
    replay_close(replay);
    close(fd);
}

static void ends_with_an_empty_file(void **state)
{
    static struct capture capture;
    struct replay_settings settings = usual();
    (void)state;
    settings.loops = 0;
    capture_start(&capture, STDERR_FILENO);
    check(HEADER, &settings, ".");
    assert_contains(capture_end(&capture), "has no rows to publish");
}

/* What is missing when a file is read again must not be taken for the end. */
static void notices_a_file_that_changes(void **state)
{
    char name[32], text[4096];
    struct replay_settings settings = usual();
    const struct replay_mark mark = {.base = REPLAY_AS_RECORDED};
    (void)state;
    int fd = use_rows(&settings, name, 2);
    struct replay *replay = begin(&settings, mark);
    dump(replay, false, 6, text);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    dump(replay, false, 0, text);
    assert_contains(text, ":1: there is no column 'Date'");
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(replay_rows(replay), 3);
    replay_close(replay);
    close(fd);
}

static void loops_over_files_only(void **state)
{
    char name[32];
    struct error error;
    struct replay_settings settings = usual();
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], HEADER, strlen(HEADER)), strlen(HEADER));
    close(ends[1]);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[0]);
    settings.file = name;
    settings.loops = 2;
    assert_null(replay_open(&settings, ready, NULL, &error));
    assert_contains(error.text, "cannot be read twice: --loop needs a file");
    close(ends[0]);
}

static void tells_how_much_is_done(void **state)
{
    char name[32], text[4096];
    struct error error;
    struct replay_settings settings = usual();
    const struct replay_mark mark = {.base = REPLAY_AS_RECORDED};
    (void)state;
    int fd = use_rows(&settings, name, 2);
    struct replay *replay = begin(&settings, mark);
    assert_true(replay_part(replay) < 0.5);
    dump(replay, false, 6, text);
    assert_float_equal(replay_part(replay), 0.5, 1e-9);
    dump(replay, false, 0, text);
    assert_float_equal(replay_part(replay), 1, 1e-9);
    assert_int_equal(replay_rows(replay), 6);
    replay_close(replay);
    settings.loops = 0;
    replay = replay_open(&settings, ready, NULL, &error);
    assert_true(replay_part(replay) < 0);
    replay_close(replay);
    close(fd);
}

/* Not even an endless replay goes on reading. */
static void stops_reading_when_told(void **state)
{
    char name[32];
    struct error error;
    struct replay_message message;
    struct replay_settings settings = usual();
    const struct replay_mark mark = {.base = REPLAY_AS_RECORDED};
    int reads = 1, calls = 0;
    (void)state;
    int fd = use_rows(&settings, name, 0);
    struct replay *replay = replay_open(&settings, ready, &reads, &error);
    assert_non_null(replay);
    replay_begin(replay, &mark);
    while (replay_next(replay, &message, &error) == REPLAY_MESSAGE)
        assert_true(++calls <= 6);
    replay_close(replay);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_through_rows_and_columns),
        cmocka_unit_test(goes_through_loops),
        cmocka_unit_test(goes_on_from_any_loop),
        cmocka_unit_test(gives_marks_that_it_goes_on_from),
        cmocka_unit_test(restamps),
        cmocka_unit_test(says_where_times_are_too_far_apart),
        cmocka_unit_test(ends_with_an_empty_file),
        cmocka_unit_test(notices_a_file_that_changes),
        cmocka_unit_test(loops_over_files_only),
        cmocka_unit_test(tells_how_much_is_done),
        cmocka_unit_test(stops_reading_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
