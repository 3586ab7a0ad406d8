#include "csv_fixture.h"

#include "core/clock.h"
#include "publish/readings.h"

static struct column column_items[] = {{(char[]){"T2"}, 2}, {(char[]){"T1"}, 1}};
static const struct columns columns = {column_items, 2};

static struct readings_settings settings(bool skip_bad)
{
    return (struct readings_settings){.date_column = "Date",
                                      .time_column = "Time",
                                      .occupancy_column = "People",
                                      .columns = &columns,
                                      .earliest = INT64_MIN,
                                      .skip_bad = skip_bad};
}

enum { DUMP_SIZE = 4096 };

/* "TIME DATE CLOCK T2 T1 PEOPLE;" for each row, then "." or "?message". */
static void dump(struct memory_file file, const struct readings_settings *settings,
                 char text[static DUMP_SIZE], uint64_t *bad_rows)
{
    struct error error;
    struct reading reading = {0};
    size_t length = 0;
    struct readings *readings = readings_open("f", memory_read, &file, settings, &error);
    if (!readings) {
        snprintf(text, DUMP_SIZE, "?%s", error.text);
        return;
    }
    enum readings_result result;
    uint64_t rows = 0;
    while ((result = readings_next(readings, &reading, &error)) == READINGS_ROW) {
        assert_int_equal(readings_rows(readings), ++rows);
        length += (size_t)sprintf(
            text + length, "%.12g %.10s %.*s %.*s %.*s %.*s;", (double)reading.time.ns / 1e9,
            reading.time.date, (int)reading.time.clock_length, reading.time.clock,
            (int)reading.values[0].length, reading.values[0].text, (int)reading.values[1].length,
            reading.values[1].text, (int)reading.occupancy.length, reading.occupancy.text);
    }
    snprintf(text + length, DUMP_SIZE - length, "%s", result == READINGS_END ? "." : "?");
    if (result == READINGS_FAILED)
        snprintf(text + length + 1, DUMP_SIZE - length - 1, "%s", error.text);
    if (bad_rows)
        *bad_rows = readings_bad_rows(readings);
    readings_close(readings);
}

static void check(struct memory_file file, const char *wanted)
{
    char text[DUMP_SIZE];
    struct readings_settings strict = settings(false);
    dump(file, &strict, text, NULL);
    assert_string_equal(text, wanted);
}

#define HEADER "Date,Time,T1,T2,Light,People\n"
#define GOOD "2017/12/22,10:49:41,24.94,24.75,x,1\n"
#define GOOD_READ "1513939781 2017/12/22 10:49:41 24.75 24.94 1;"
#define SKIP " (--skip-bad skips such rows)"

static void finds_what_it_needs_in_any_order(void **state)
{
    (void)state;
    check((struct memory_file)MEMORY_FILE(HEADER GOOD "2017/12/23,00:00:00,5.,+3,,0\n"),
          GOOD_READ "1513987200 2017/12/23 00:00:00 3 5 0;.");
    check((struct memory_file)MEMORY_FILE("x,People,T2,T1,Time,Date\n,1,24.75,24.94,10:49:41,2017/12/22"),
          GOOD_READ ".");
    check((struct memory_file)MEMORY_FILE(HEADER), ".");
}

static void names_the_place_of_what_is_wrong(void **state)
{
    (void)state;
    check((struct memory_file)MEMORY_FILE("Date,Time,T1,People\n" GOOD),
          "?f:1: there is no column 'T2'; there are: Date, Time, T1, People");
    check((struct memory_file)MEMORY_FILE("Date,Time,T1,T2,T1,People\n" GOOD),
          "?f:1:5 (T1): the column is there twice, also as field 3");
    check((struct memory_file)MEMORY_FILE("Date,Zeit,T1,T2,T1,People\n" GOOD),
          "?f:1: there is no column 'Time'; there are: Date, Zeit, T1, T2, T1, People");
    check((struct memory_file)MEMORY_FILE(HEADER GOOD "2017/12/22,10:49:42,warm,24.75,x,1\n"),
          GOOD_READ "?f:3:3 (T1): 'warm' is not a finite decimal number of up to 64 characters" SKIP);
    check((struct memory_file)MEMORY_FILE(HEADER GOOD "2017/12/22,10:49:42,24.94,,x,1\n"),
          GOOD_READ "?f:3:4 (T2): empty, where a number is wanted" SKIP);
    check((struct memory_file)MEMORY_FILE(HEADER GOOD "2017/12/22,10:49:42,24.94,24.75,x,many\n"),
          GOOD_READ "?f:3:6 (People): 'many' is not a finite decimal number of up to 64 characters" SKIP);
    check((struct memory_file)MEMORY_FILE(HEADER "2017/02/30,10:49:41,24.94,24.75,x,1\n"),
          "?f:2:1 (Date): '2017/02/30' is not a date as in 2017/12/22, from 1678 to 2261" SKIP);
    check((struct memory_file)MEMORY_FILE(HEADER GOOD "2017/12/22,24:00:00,24.94,24.75,x,1\n"),
          GOOD_READ "?f:3:2 (Time): '24:00:00' is not a time as in 10:49:41" SKIP);
    check((struct memory_file)MEMORY_FILE(HEADER "2017/12/22,10:49:41\n"),
          "?f:2:3 (T1): missing: the row has 2 of 6 fields" SKIP);
    check((struct memory_file)MEMORY_FILE(HEADER "2017/12/22,10:49:41,24\0.94,24.75,x,1\n"),
          "?f:2:3 (T1): a NUL byte" SKIP);
}

/* A wrong date must not count as the one before it, nor spoil the next. */
static void works_out_each_date(void **state)
{
    char text[DUMP_SIZE];
    struct readings_settings skipping = settings(true);
    (void)state;
    dump((struct memory_file)MEMORY_FILE(HEADER GOOD "2017/12/32,10:49:41,24.94,24.75,x,1\n"
                                                     "2017/12/32,10:49:41,24.94,24.75,x,1\n" GOOD
                                                     "2017/12/23,10:49:41,24.94,24.75,x,1\n"),
         &skipping, text, NULL);
    assert_string_equal(text, GOOD_READ GOOD_READ "1514026181 2017/12/23 10:49:41 24.75 24.94 1;.");
}

static void skips_and_counts_bad_rows(void **state)
{
    static struct capture capture;
    char text[DUMP_SIZE];
    uint64_t bad_rows;
    struct readings_settings skipping = settings(true);
    (void)state;
    capture_start(&capture, STDERR_FILENO);
    dump((struct memory_file)MEMORY_FILE(HEADER GOOD "1\n2,3\n" GOOD "\"x\"y\n,,,,,\n\0\n" GOOD "a\nb\nc\n"),
         &skipping, text, &bad_rows);
    const char *log = capture_end(&capture);
    assert_string_equal(text, GOOD_READ GOOD_READ GOOD_READ ".");
    assert_int_equal(bad_rows, 8);
    assert_contains(log, "row skipped: f:3:2 (Time): missing: the row has 1 of 6 fields");
    assert_contains(log, "row skipped: f:8:1 (Date): a NUL byte");
    assert_contains(log, "further bad rows are counted only");
    assert_lacks(log, "f:10");
}

static void says_once_that_time_goes_back(void **state)
{
    static struct capture capture;
    char text[DUMP_SIZE];
    struct readings_settings strict = settings(false);
    (void)state;
    capture_start(&capture, STDERR_FILENO);
    dump((struct memory_file)MEMORY_FILE(HEADER GOOD GOOD "2017/12/22,10:49:31,1,2,x,1\n" GOOD
                                                          "2017/12/21,10:49:31,1,2,x,1\n"),
         &strict, text, NULL);
    const char *log = capture_end(&capture);
    assert_string_equal(text, GOOD_READ GOOD_READ "1513939771 2017/12/22 10:49:31 2 1 1;" GOOD_READ
                                                  "1513853371 2017/12/21 10:49:31 2 1 1;.");
    assert_contains(log, "f:4:2 (Time): the recorded time goes back by 10 s");
    assert_lacks(log, "f:6");
}

static void refuses_what_the_format_cannot_carry(void **state)
{
    char text[DUMP_SIZE];
    struct readings_settings late = settings(false);
    (void)state;
    late.earliest = INT64_C(1513939781000000000);
    dump((struct memory_file)MEMORY_FILE(HEADER GOOD "2017/12/22,10:49:40,1,2,x,1\n"), &late, text, NULL);
    assert_string_equal(text,
                        GOOD_READ "?f:3:1 (Date): '2017/12/22' is too early for this message format" SKIP);
}

static void reads_other_columns(void **state)
{
    char text[DUMP_SIZE];
    struct error error;
    struct readings_settings other = settings(false);
    (void)state;
    other.date_column = NULL;
    other.time_column = "when";
    other.occupancy_optional = true;
    dump((struct memory_file)MEMORY_FILE("T2,T1,when\n1,2,2017-12-22T11:49:41.25+01:00\n1,2,2017\n"), &other,
         text, NULL);
    assert_string_equal(
        text, "1513939781.25 2017/12/22 10:49:41.250 1 2 ;"
              "?f:3:3 (when): '2017' is not a time as in 2017-12-22T10:49:41, from 1678 to 2261" SKIP);
    dump((struct memory_file)MEMORY_FILE("T2,T1,when,People\n1,2,2017-12-22,7\n"), &other, text, NULL);
    assert_string_equal(text, "1513900800 2017/12/22 00:00:00 1 2 7;.");
    other.occupancy_optional = false;
    dump((struct memory_file)MEMORY_FILE("T2,T1,when\n"), &other, text, NULL);
    assert_contains(text, "?f:1: there is no column 'People'");
    other.occupancy_optional = true;
    other.date_column = "day";
    assert_true(time_format_parse("%d.%m.%Y %H.%M", &other.time_format, &error));
    dump((struct memory_file)MEMORY_FILE("T2,T1,when,day\n1,2,10.49,22.12.2017\n1,2,10:49,22.12.2017\n"),
         &other, text, NULL);
    assert_string_equal(text,
                        "1513939740 2017/12/22 10:49:00 1 2 ;?f:3:3 (when): '22.12.2017 10:49' is not a time "
                        "as in %d.%m.%Y %H.%M, from 1678 to 2261" SKIP);
}

#define ROW(minute) "2017/12/22,10:" minute ":00,1," minute ",x,1\n"
#define READ(seconds, minute) seconds " 2017/12/22 10:" minute ":00 " minute " 1 1;"
#define FIVE HEADER ROW("10") ROW("11") ROW("12") ROW("13") ROW("14")

static void reads_the_rows_of_a_range(void **state)
{
    char text[DUMP_SIZE];
    struct readings_settings some = settings(false);
    (void)state;
    some.range = (struct row_range){.first = 2, .last = 3};
    /* What is outside may have any error. */
    dump((struct memory_file)MEMORY_FILE(HEADER "bad\n" ROW("11") ROW("12") "bad\n"), &some, text, NULL);
    assert_string_equal(text, READ("1513937460", "11") READ("1513937520", "12") ".");
    some.range = (struct row_range){.first = 5};
    dump((struct memory_file)MEMORY_FILE(FIVE), &some, text, NULL);
    assert_string_equal(text, READ("1513937640", "14") ".");
    some.range = (struct row_range){.last = 1};
    dump((struct memory_file)MEMORY_FILE(FIVE), &some, text, NULL);
    assert_string_equal(text, READ("1513937400", "10") ".");
    some.range = (struct row_range){.first = 6};
    dump((struct memory_file)MEMORY_FILE(FIVE), &some, text, NULL);
    assert_string_equal(text, ".");
    some.range = (struct row_range){.has_from = true,
                                    .from = INT64_C(1513937460) * SECOND,
                                    .has_until = true,
                                    .until = INT64_C(1513937520) * SECOND};
    dump((struct memory_file)MEMORY_FILE(FIVE ROW("11")), &some, text, NULL);
    assert_string_equal(text, READ("1513937460", "11") READ("1513937460", "11") ".");
    some.range.has_from = false;
    some.range.first = 2;
    dump((struct memory_file)MEMORY_FILE(FIVE), &some, text, NULL);
    assert_string_equal(text, READ("1513937460", "11") ".");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_it_needs_in_any_order),
        cmocka_unit_test(names_the_place_of_what_is_wrong),
        cmocka_unit_test(works_out_each_date),
        cmocka_unit_test(skips_and_counts_bad_rows),
        cmocka_unit_test(reads_other_columns),
        cmocka_unit_test(reads_the_rows_of_a_range),
        cmocka_unit_test(says_once_that_time_goes_back),
        cmocka_unit_test(refuses_what_the_format_cannot_carry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
