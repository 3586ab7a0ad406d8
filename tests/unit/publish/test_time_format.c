/* How a file may write the time of a row. */
#include "core_fixture.h"

#include "core/clock.h"
#include "publish/time_format.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

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
        fail_msg("'%s' is not a time as in '%s'", text, format);
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
        cmocka_unit_test(takes_times_in_many_formats),
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(refuses_formats_that_tell_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
