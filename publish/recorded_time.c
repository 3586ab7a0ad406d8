#include "recorded_time.h"

#include <string.h>
#include <time.h>

/* True when text is like the pattern, where 0 stands for any digit. */
static bool matches(const char *text, const char *pattern)
{
    for (; *pattern; text++, pattern++)
        if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
            return false;
    return *text == '\0';
}

static int two_digits(const char *text)
{
    return 10 * (text[0] - '0') + text[1] - '0';
}

bool recorded_date(const char *date, int64_t *seconds)
{
    if (!matches(date, "0000/00/00"))
        return false;
    int year = 100 * two_digits(date) + two_digits(date + 2), month = two_digits(date + 5),
        day = two_digits(date + 8);
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    *seconds = timegm(&tm);
    /* timegm() carries what is too large over: the 30th of February becomes the 2nd of March. */
    return tm.tm_year == year - 1900 && tm.tm_mon == month - 1 && tm.tm_mday == day;
}

bool recorded_clock(const char *clock, int64_t *seconds)
{
    if (!matches(clock, "00:00:00"))
        return false;
    int hour = two_digits(clock), minute = two_digits(clock + 3), second = two_digits(clock + 6);
    *seconds = 3600 * hour + 60 * minute + second;
    return hour < 24 && minute < 60 && second < 60;
}
