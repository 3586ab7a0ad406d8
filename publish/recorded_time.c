#include "recorded_time.h"

#include "clock.h"

#include <string.h>
#include <time.h>

static const int64_t day_length = 24 * 3600 * SECOND;

/* The first instants of 1678 and 2262. */
static const int64_t earliest = INT64_C(-9214560000) * SECOND, end = INT64_C(9214646400) * SECOND;

bool recorded_time_fits(int64_t ns)
{
    return ns >= earliest && ns < end;
}

/* True when the text begins as the pattern, in which 0 stands for any digit. */
static bool matches(const char *text, const char *pattern)
{
    for (; *pattern; text++, pattern++)
        if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
            return false;
    return true;
}

static int two_digits(const char *text)
{
    return 10 * (text[0] - '0') + text[1] - '0';
}

bool recorded_date(const char *date, int64_t *ns)
{
    if (!matches(date, "0000/00/00") || date[RECORDED_DATE_LENGTH])
        return false;
    int year = 100 * two_digits(date) + two_digits(date + 2), month = two_digits(date + 5),
        day = two_digits(date + 8);
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    time_t seconds = timegm(&tm);
    /* timegm() carries what is too large over: the 30th of February becomes the 2nd of March. */
    if (tm.tm_year != year - 1900 || tm.tm_mon != month - 1 || tm.tm_mday != day || year < 1678 ||
        year > 2261)
        return false;
    *ns = seconds * SECOND;
    return true;
}

/* Decimals of a second, from the point to the end of the text. */
static bool decimals(const char *text, int64_t *ns)
{
    int64_t unit = SECOND;
    *ns = 0;
    if (*text == '\0')
        return true;
    if (*text++ != '.' || *text == '\0')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        *ns += (unit /= 10) * (*text - '0');
    return *text == '\0';
}

bool recorded_clock(const char *clock, int64_t *ns)
{
    int64_t fraction;
    if (!matches(clock, "00:00:00") || !decimals(clock + 8, &fraction))
        return false;
    int hour = two_digits(clock), minute = two_digits(clock + 3), second = two_digits(clock + 6);
    *ns = (3600 * hour + 60 * minute + second) * SECOND + fraction;
    return hour < 24 && minute < 60 && second < 60;
}

/* ---- text ---- */

static void put_digits(char *text, size_t count, int64_t value)
{
    while (count-- > 0) {
        text[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

static void set_date(struct recorded_time *time, int64_t day)
{
    time_t seconds = day / SECOND;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    put_digits(time->date, 4, tm.tm_year + 1900);
    put_digits(time->date + 5, 2, tm.tm_mon + 1);
    put_digits(time->date + 8, 2, tm.tm_mday);
    time->date[4] = time->date[7] = '/';
    time->day = day;
}

static void set_clock(struct recorded_time *time, int64_t in_day)
{
    int64_t seconds = in_day / SECOND, fraction = in_day % SECOND;
    put_digits(time->clock, 2, seconds / 3600);
    put_digits(time->clock + 3, 2, seconds / 60 % 60);
    put_digits(time->clock + 6, 2, seconds % 60);
    time->clock[2] = time->clock[5] = ':';
    time->clock_length = 8;
    if (fraction == 0)
        return;
    size_t count = fraction % MILLISECOND == 0 ? 3 : fraction % MICROSECOND == 0 ? 6 : 9;
    put_digits(time->clock + 9, 9, fraction);
    time->clock[8] = '.';
    time->clock_length = 9 + count;
}

void recorded_time_set(struct recorded_time *time, int64_t ns, bool utc)
{
    int64_t in_day = ns % day_length;
    if (in_day < 0)
        in_day += day_length;
    int64_t day = ns - in_day;
    time->ns = ns;
    time->utc = utc;
    if (day != time->day || time->clock_length == 0)
        set_date(time, day);
    set_clock(time, in_day);
}
