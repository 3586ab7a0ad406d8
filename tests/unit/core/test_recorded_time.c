/* Dates and times of day. */
#include "core_fixture.h"

#include "core/clock.h"
#include "core/recorded_time.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_dates),
        cmocka_unit_test(dates_do_not_depend_on_the_zone),
        cmocka_unit_test(takes_times_of_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
