/* Numbers, dates, times and the columns that hold them. */
#include "core_fixture.h"

#include "core/clock.h"
#include "core/recorded_time.h"
#include "publish/columns.h"
#include "publish/number.h"
#include "publish/time_format.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void takes_numbers(void **state)
{
    static const struct {
        const char *text, *json;
    } samples[] = {
        /* JSON's own spellings, digit by digit */
        {"24.94", "24.94"},
        {"0", "0"},
        {"-0", "-0"},
        {"-0.0", "-0.0"},
        {"25", "25"},
        {"25.00", "25.00"},
        {"1E-18", "1E-18"},
        {"7.69801162017E-19", "7.69801162017E-19"},
        {"1e5", "1e5"},
        {"1e+05", "1e+05"},
        {"0.1000000000000000055511151231257827021181583404541015625",
         "0.1000000000000000055511151231257827021181583404541015625"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"1.7e308", "1.7e308"},
        {"0e999", "0e999"},
        {"1e-400", "1e-400"},
        /* other spellings */
        {"+3", "3"},
        {"+0.5", "0.5"},
        {".5", "0.5"},
        {"-.5", "-0.5"},
        {"5.", "5"},
        {"-5.", "-5"},
        {"5.e3", "5e3"},
        {"007", "7"},
        {"-007.50", "-7.50"},
        {"000", "0"},
        {"00.5", "0.5"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct number number;
        if (!number_parse(samples[i].text, '.', &number))
            fail_msg("'%s' is not taken", samples[i].text);
        assert_int_equal(number.length, strlen(samples[i].json));
        assert_memory_equal(number.text, samples[i].json, number.length);
    }
}

static void refuses_what_is_no_number(void **state)
{
    static const char *const samples[] = {
        "",
        " ",
        ".",
        "-",
        "+",
        "e5",
        "1e",
        "1e+",
        "1e5x",
        "x",
        "1x",
        "1 ",
        " 1",
        "1,5",
        "1.5.",
        "1..5",
        "--1",
        "+-1",
        "-+1",
        "0x10",
        "1_000",
        "inf",
        "Infinity",
        "nan",
        "NaN",
        "-inf",
        "true",
        "null",
        "1\n",
        "-.",
        "+.",
        ".e1",
        "1e5.0",
        "1e--5",
        "\xd9\xa1",
        "\"1\"",
        "1e309",
        "1e400",
        "-1e400",
        "1E+999",
        "1e99999999999999999999",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct number number;
        if (number_parse(samples[i], '.', &number))
            fail_msg("'%s' is taken for '%.*s'", samples[i], (int)number.length, number.text);
    }
}

static void bounds_numbers(void **state)
{
    char text[2 * NUMBER_MAX];
    struct number number;
    (void)state;
    memset(text, '1', sizeof text);
    text[NUMBER_MAX] = '\0';
    assert_true(number_parse(text, '.', &number));
    assert_int_equal(number.length, NUMBER_MAX);
    text[NUMBER_MAX] = '1';
    text[NUMBER_MAX + 1] = '\0';
    assert_false(number_parse(text, '.', &number));
    /* Each part of a number can be the one that is too much. */
    for (size_t length = NUMBER_MAX - 8; length <= NUMBER_MAX + 8; length++)
        for (const char *const *end = (const char *const[]){"", ".25", ".25e-10", "e10", NULL}; *end; end++) {
            memset(text, '1', length);
            strcpy(text + length, *end);
            assert_int_equal(number_parse(text, '.', &number), strlen(text) <= NUMBER_MAX);
        }
}

static void takes_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } right[] = {
        {"1970/01/01", 0},          {"1970/01/02", 86400},      {"1969/12/31", -86400},
        {"2017/12/22", 1513900800}, {"2016/02/29", 1456704000}, {"2017-12-22", 1513900800},
        {"2000/02/29", 951782400},  {"2261/12/31", 9214560000}, {"1678/01/01", -9214560000},
    };
    static const char *const wrong[] = {
        "",           "2017/02/29", "2017/02/30", "1900/02/29",  "2017/04/31",
        "2017/13/01", "2017/00/01", "2017/01/00", "2017/01/32",  "17/12/22",
        "2017-12/22", "2017/1/2",   "22/12/2017", "2017/12/22 ", " 2017/12/22",
        "2017/12/2x", "+017/12/22", "2017/12/",   "2017/12/222", "1677/12/31",
        "2262/01/01",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        int64_t ns;
        assert_true(recorded_date(right[i].text, &ns));
        assert_int_equal(ns, right[i].seconds * SECOND);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int64_t ns;
        if (recorded_date(wrong[i], &ns))
            fail_msg("'%s' is taken for a date", wrong[i]);
    }
}

static void dates_do_not_depend_on_the_zone(void **state)
{
    int64_t ns;
    (void)state;
    setenv("TZ", "America/New_York", 1);
    assert_true(recorded_date("2017/12/22", &ns));
    assert_int_equal(ns, 1513900800 * SECOND);
    unsetenv("TZ");
}

static void takes_times_of_day(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } right[] = {{"00:00:00", 0}, {"10:49:41", 38981}, {"23:59:59", 86399}, {"10:49", 38940}};
    static const char *const wrong[] = {
        "",          "24:00:00",  "10:60:00",   "10:49:60",    "10:4",     "1:49:41", "10.49.41",
        "10:49:41 ", "10:49:41.", "10:49:41,5", "10:49:41.5x", "10:49:4x", "-1:49:41"};
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        int64_t ns;
        assert_true(recorded_clock(right[i].text, &ns));
        assert_int_equal(ns, right[i].seconds * SECOND);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int64_t ns;
        if (recorded_clock(wrong[i], &ns))
            fail_msg("'%s' is taken for a time", wrong[i]);
    }
}

/* ---- columns ---- */

/* The columns as "NAME=NODE;...", or the error, for texts and nodes separated by '|'. */
static void describe_columns(const char *texts, const char *nodes, char text[static 1024])
{
    struct text_list lists[2] = {{0}};
    struct columns columns = {0};
    struct error error;
    const char *const given[] = {texts, nodes};
    for (size_t i = 0; i < 2; i++) {
        char *copy = strdup(given[i]), *rest = copy;
        assert_non_null(copy);
        for (char *part; (part = strsep(&rest, "|")) && *given[i];)
            text_list_append(&lists[i], part);
        free(copy);
    }
    if (columns_parse(&lists[0], &columns, &error) && columns_select(&columns, &lists[1], &error)) {
        *text = '\0';
        for (size_t i = 0; i < columns.count; i++)
            snprintf(text + strlen(text), 1024 - strlen(text), "%s=%d;", columns.items[i].name,
                     (int)columns.items[i].node);
    } else {
        snprintf(text, sizeof error.text, "%s", error.text);
    }
    columns_free(&columns);
    text_list_free(&lists[0]);
    text_list_free(&lists[1]);
}

static void reads_columns(void **state)
{
    static const struct {
        const char *texts, *nodes, *wanted;
    } samples[] = {
        {"S1:1", "", "S1=1;"},
        {"S1:1,S2:2", "", "S1=1;S2=2;"},
        {"S1:1|S2:2,S3:3", "", "S1=1;S2=2;S3=3;"},
        {"a:b,c:5,d:6", "", "a:b,c=5;d=6;"},
        {"ratio 1:2:3", "", "ratio 1:2=3;"},
        {"S1:0", "", "S1=0;"},
        {"S1", "", "--column: 'S1' is not NAME:NODE with a whole number as NODE"},
        {"S1:x", "", "--column: 'S1:x' is not NAME:NODE with a whole number as NODE"},
        {"S1:-1", "", "--column: 'S1:-1' is not NAME:NODE with a whole number as NODE"},
        {":1", "", "--column: ':1' is not NAME:NODE with a whole number as NODE"},
        {"S1:1,", "", "--column: '' is not NAME:NODE with a whole number as NODE"},
        {"S1:99999999999999999999", "",
         "--column: 'S1:99999999999999999999' is not NAME:NODE with a whole number as NODE"},
        {"S1:1,S2:1", "", "--column: node 1 is there twice"},
        {"S1:1,S2:2,S3:3", "3,1", "S1=1;S3=3;"},
        {"S1:1,S2:2,S3:3", "2|3", "S2=2;S3=3;"},
        {"S1:1,S2:2", "3", "--nodes: no column is for node 3"},
        {"S1:1,S2:2", "1,", "--nodes: '1,' is not a list of whole numbers such as 1,3"},
        {"S1:1,S2:2", "a", "--nodes: 'a' is not a list of whole numbers such as 1,3"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        char text[1024];
        describe_columns(samples[i].texts, samples[i].nodes, text);
        assert_string_equal(text, samples[i].wanted);
    }
}

/* ---- time formats ---- */

#define AT_10_49_41 1513939781 * SECOND

static void check_time(const char *format, const char *text, int64_t wanted, bool utc_wanted)
{
    struct time_format parsed;
    struct error error;
    int64_t ns;
    bool utc;
    if (!time_format_parse(format, &parsed, &error))
        fail_msg("%s", error.text);
    if (!time_format_read(&parsed, text, &ns, &utc))
        fail_msg("'%s' is no time as in '%s'", text, format);
    if (ns != wanted)
        fail_msg("'%s' as in '%s' is %lld", text, format, (long long)ns);
    assert_int_equal(utc, utc_wanted);
}

static void takes_times_in_many_formats(void **state)
{
    (void)state;
    setenv("TZ", "America/New_York", 1);
    check_time("iso", "2017-12-22T10:49:41", AT_10_49_41, false);
    check_time("iso", "2017/12/22 10:49:41.5", AT_10_49_41 + SECOND / 2, false);
    check_time("iso", "2017-12-22", 1513900800 * SECOND, false);
    check_time("iso", "2017-12-22t10:49", (1513939781 - 41) * SECOND, false);
    check_time("iso", "2017-12-22T10:49:41Z", AT_10_49_41, true);
    check_time("iso", "2017-12-22T11:49:41.000000001+01:00", AT_10_49_41 + 1, true);
    check_time("iso", "2017-12-22T11:49:41.0000000019+0100", AT_10_49_41 + 1, true);
    check_time("iso", "2017-12-22T05:19:41-05:30", AT_10_49_41, true);
    check_time("iso", "2017-12-23T00:49:41+14", AT_10_49_41, true);
    check_time("unix", "1513939781", AT_10_49_41, true);
    check_time("unix", "1513939781.25", AT_10_49_41 + SECOND / 4, true);
    check_time("unix", "-1.5", -3 * SECOND / 2, true);
    check_time("unix-ms", "1513939781001.5", AT_10_49_41 + 1500 * MICROSECOND, true);
    check_time("%d.%m.%Y %H:%M:%S", "22.12.2017 10:49:41", AT_10_49_41, false);
    check_time("%d.%m.%y %k.%M", "22.12.17 10.49", (1513939781 - 41) * SECOND, false);
    check_time("%b %d %Y %I:%M:%S %p", "Dec 22 2017 10:49:41 PM", AT_10_49_41 + 12 * 3600 * SECOND, false);
    check_time("%m/%d/%Y", "12/22/2017", 1513900800 * SECOND, false);
    check_time("%Y-%j %T", "2017-356 10:49:41", AT_10_49_41, false);
    check_time("%FT%T%z", "2017-12-22T11:49:41+0100", AT_10_49_41, true);
    check_time("%F %I:%M:%S.%f %p", "2017-12-22 10:49:41.0625 PM",
               AT_10_49_41 + 12 * 3600 * SECOND + SECOND / 16, false);
    check_time("%%f %F %T,%f", "%f 2017-12-22 10:49:41,1234567891", AT_10_49_41 + 123456789, false);
    check_time("%F %T", "1900-01-01 00:00:00", -2208988800 * SECOND, false);
    unsetenv("TZ");
}

static void refuses_what_is_no_time(void **state)
{
    static const char *const samples[][2] = {
        {"iso", ""},
        {"iso", "2017-12-22T"},
        {"iso", "2017-12-22T10"},
        {"iso", "2017-12-22x10:49:41"},
        {"iso", "2017-12-22T10:49:41."},
        {"iso", "2017-12-22T10:49:41+1"},
        {"iso", "2017-12-22T10:49:41+01:"},
        {"iso", "2017-12-22T10:49:41+01:60"},
        {"iso", "2017-12-22T10:49:41+24:00"},
        {"iso", "2017-12-22T10:49:41Zz"},
        {"iso", "2017-12-22T10:49:41 CET"},
        {"iso", "2017-12-22Z"},
        {"iso", "2017-02-29T10:49:41"},
        {"iso", "1678-01-01T00:00:00+01:00"},
        {"unix", ""},
        {"unix", "-"},
        {"unix", "+1"},
        {"unix", "1e9"},
        {"unix", "1."},
        {"unix", "0x10"},
        {"unix", "9214646400"},
        {"unix", "99999999999999999999"},
        {"unix-ms", "999999999999999"},
        {"%F %T", "2017-02-29 10:49:41"},
        {"%F %T", "2017-12-22 10:49:60"},
        {"%F %T", "2017-12-22 10:49:41 "},
        {"%F %T", "2262-01-01 00:00:00"},
        {"%F %T.%f", "2017-12-22 10:49:41."},
        {"%F %T.%f", "2017-12-22 10:49:41"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct time_format format;
        struct error error;
        int64_t ns;
        bool utc;
        assert_true(time_format_parse(samples[i][0], &format, &error));
        if (time_format_read(&format, samples[i][1], &ns, &utc))
            fail_msg("'%s' is taken for a time as in '%s'", samples[i][1], samples[i][0]);
    }
}

static void refuses_formats_that_tell_no_time(void **state)
{
    static const char *const samples[][2] = {
        {"", "'' is not iso, unix, unix-ms or a pattern"},
        {"ISO", "'ISO' is not iso"},
        {"%s", "for %s there is unix"},
        {"%F %T %Z", "for %Z only %z"},
        {"%T", "does not give a full date"},
        {"%d.%m. %T", "does not give a full date"},
        {"%Y-%m", "does not give a full date"},
        {"%F %I:%M", "or not the hour without doubt"},
        {"%", "does not give a full date"},
        {"%F %Q", "does not give a full date"},
    };
    char longest[1024] = "%F";
    struct time_format format;
    struct error error;
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        assert_false(time_format_parse(samples[i][0], &format, &error));
        assert_contains(error.text, samples[i][1]);
    }
    memset(longest + 2, 'x', sizeof longest - 3);
    assert_false(time_format_parse(longest, &format, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_numbers),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(bounds_numbers),
        cmocka_unit_test(takes_dates),
        cmocka_unit_test(dates_do_not_depend_on_the_zone),
        cmocka_unit_test(takes_times_of_day),
        cmocka_unit_test(takes_times_in_many_formats),
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(refuses_formats_that_tell_no_time),
        cmocka_unit_test(reads_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
