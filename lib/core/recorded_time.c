#include "recorded_time.h"

#include "core/clock.h"

#include <string.h>
#include <time.h>

static const int64_t day_length = 24 * 3600 * SECOND;

/* The first instants of 1678 and 2262. */
static const int64_t earliest = INT64_C(-9214560000) * SECOND, end = INT64_C(9214646400) * SECOND;

bool recorded_time_fits(int64_t ns)
{
    return ns >= earliest && ns < end;
}

/* True when the text begins like the pattern, in which 0 means any digit. */
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

/* These read what is at *at and move it after that. */

static bool take_date(const char **at, int64_t *ns)
{
    const char *date = *at;
    if (!matches(date, "0000/00/00") && !matches(date, "0000-00-00"))
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
    *at += RECORDED_DATE_LENGTH;
    return true;
}

/* Decimals after a point, if there is one, of a number of such units. */
static bool take_decimals(const char **at, int64_t unit, int64_t *ns)
{
    *ns = 0;
    if (**at != '.')
        return true;
    const char *digit = ++*at;
    for (; **at >= '0' && **at <= '9'; ++*at)
        *ns += (unit /= 10) * (**at - '0');
    return *at > digit;
}

static bool take_clock(const char **at, int64_t *ns)
{
    const char *clock = *at;
    if (!matches(clock, "00:00"))
        return false;
    bool seconds = matches(clock + 5, ":00");
    int hour = two_digits(clock), minute = two_digits(clock + 3),
        second = seconds ? two_digits(clock + 6) : 0;
    int64_t fraction = 0;
    *at += seconds ? 8 : 5;
    if (seconds && !take_decimals(at, SECOND, &fraction))
        return false;
    *ns = (3600 * hour + 60 * minute + second) * SECOND + fraction;
    return hour < 24 && minute < 60 && second < 60;
}

/* How far the zone is ahead of UTC, if there is one. */
static bool take_zone(const char **at, int64_t *ns, bool *there)
{
    const char *zone = *at;
    int hours, minutes = 0;
    *ns = 0;
    *there = *zone != '\0';
    if (*zone == 'Z' || *zone == 'z') {
        ++*at;
        return true;
    }
    if (*zone != '+' && *zone != '-')
        return true;
    if (!matches(zone + 1, "00"))
        return false;
    hours = two_digits(zone + 1);
    const char *rest = zone + 3 + (zone[3] == ':');
    if (matches(rest, "00")) {
        minutes = two_digits(rest);
        rest += 2;
    } else if (zone[3] == ':') {
        return false;
    }
    *at = rest;
    *ns = (60 * hours + minutes) * MINUTE * (*zone == '-' ? -1 : 1);
    return hours < 24 && minutes < 60;
}

bool recorded_date(const char *date, int64_t *ns)
{
    return take_date(&date, ns) && *date == '\0';
}

bool recorded_clock(const char *clock, int64_t *ns)
{
    return take_clock(&clock, ns) && *clock == '\0';
}

bool recorded_iso(const char *text, int64_t *ns, bool *utc)
{
    int64_t clock = 0, ahead = 0;
    *utc = false;
    if (!take_date(&text, ns))
        return false;
    if (*text && (!strchr("Tt ", *text++) || !take_clock(&text, &clock) || !take_zone(&text, &ahead, utc)))
        return false;
    *ns += clock - ahead;
    return *text == '\0' && recorded_time_fits(*ns);
}

bool recorded_unix(const char *text, int64_t unit, int64_t *ns)
{
    bool negative = *text == '-';
    int64_t whole = 0, fraction;
    const char *at = text + negative, *digits = at;
    /* So many digits do not overflow, and no instant that fits has more. */
    for (; *at >= '0' && *at <= '9' && at - digits < 15; at++)
        whole = 10 * whole + *at - '0';
    if (at == digits || !take_decimals(&at, unit, &fraction) || *at)
        return false;
    if (__builtin_mul_overflow(whole, unit, ns) || __builtin_add_overflow(*ns, fraction, ns))
        return false;
    *ns = negative ? -*ns : *ns;
    return recorded_time_fits(*ns);
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
