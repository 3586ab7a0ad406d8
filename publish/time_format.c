#include "time_format.h"

#include "core/clock.h"
#include "core/recorded_time.h"

#include <string.h>
#include <time.h>

enum { TEXT_MAX = 256 };

/* ---- patterns ---- */

/* Where the pattern has %f, or NULL. */
static const char *find_fraction(const char *pattern)
{
    for (const char *at = pattern; (at = strchr(at, '%')); at += at[1] ? 2 : 1)
        if (at[1] == 'f')
            return at;
    return NULL;
}

static bool uses(const char *pattern, char conversion)
{
    for (const char *at = pattern; (at = strchr(at, '%')); at += at[1] ? 2 : 1)
        if (at[1] == conversion)
            return true;
    return false;
}

/* The text without its part from `cut` on, `length` bytes of it. False when it is too long. */
static bool cut_out(const char *text, size_t cut, size_t length, char out[static TEXT_MAX])
{
    size_t rest = strlen(text + cut + length);
    if (cut + rest >= TEXT_MAX)
        return false;
    memcpy(out, text, cut);
    memcpy(out + cut, text + cut + length, rest + 1);
    return true;
}

/* strptime() knows no decimals: they are taken out of text and pattern. What stands before them says where
 * they are. */
static bool take_fraction(const char *pattern, const char *text, char pattern_left[static TEXT_MAX],
                          char text_left[static TEXT_MAX], int64_t *ns)
{
    const char *fraction = find_fraction(pattern);
    char before[TEXT_MAX];
    struct tm tm = {.tm_mday = 1};
    *ns = 0;
    if (!fraction)
        return cut_out(pattern, 0, 0, pattern_left) && cut_out(text, 0, 0, text_left);
    size_t cut = (size_t)(fraction - pattern);
    if (!cut_out(pattern, cut, 2, pattern_left) || !cut_out(pattern, cut, strlen(fraction), before))
        return false;
    const char *digits = strptime(text, before, &tm);
    if (!digits)
        return false;
    size_t count = strspn(digits, "0123456789");
    int64_t unit = SECOND;
    for (size_t i = 0; i < count; i++)
        *ns += (unit /= 10) * (digits[i] - '0');
    return count > 0 && cut_out(text, (size_t)(digits - text), count, text_left);
}

static bool same_calendar(const struct tm *a, const struct tm *b)
{
    return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday &&
           a->tm_hour == b->tm_hour && a->tm_min == b->tm_min && a->tm_sec == b->tm_sec;
}

static bool read_pattern(const char *pattern, const char *text, int64_t *ns)
{
    char pattern_left[TEXT_MAX], text_left[TEXT_MAX];
    struct tm tm = {.tm_year = 0, .tm_mday = 1};
    int64_t fraction, seconds;
    if (!take_fraction(pattern, text, pattern_left, text_left, &fraction))
        return false;
    const char *end = strptime(text_left, pattern_left, &tm);
    if (!end || *end)
        return false;
    struct tm normal = tm;
    seconds = timegm(&normal) - tm.tm_gmtoff;
    /* timegm() carries over what is not a day of the calendar. */
    return same_calendar(&tm, &normal) && !__builtin_mul_overflow(seconds, SECOND, ns) &&
           !__builtin_add_overflow(*ns, fraction, ns) && recorded_time_fits(*ns);
}

/* The user's own pattern is the point. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static bool write_pattern(const char *pattern, time_t seconds, char text[static TEXT_MAX])
{
    struct tm tm;
    gmtime_r(&seconds, &tm);
    return strftime(text, TEXT_MAX, pattern, &tm) > 0;
}
#pragma GCC diagnostic pop

/* Writes an instant by the pattern and reads it back: what the pattern leaves out is then missing. */
static bool gives_date(const char *pattern)
{
    const time_t seconds = 1513980000; /* 2017-12-22 22:00:00 */
    const char *fraction = find_fraction(pattern);
    char for_writing[TEXT_MAX], text[TEXT_MAX];
    int64_t ns;
    if (strlen(pattern) >= sizeof for_writing)
        return false;
    strcpy(for_writing, pattern);
    if (fraction)
        memcpy(for_writing + (fraction - pattern), "00", 2);
    if (!write_pattern(for_writing, seconds, text) || !read_pattern(pattern, text, &ns))
        return false;
    /* Without the hour it is midnight; any other would be that of a clock of 12 hours without am and pm. */
    return ns == seconds * SECOND || ns == (seconds - 22 * 3600) * SECOND;
}

/* ---- formats ---- */

bool time_format_parse(const char *text, struct time_format *format, struct error *error)
{
    static const char *const names[] = {[TIME_ISO] = "iso", [TIME_UNIX] = "unix", [TIME_UNIX_MS] = "unix-ms"};
    *format = (struct time_format){.kind = TIME_PATTERN, .pattern = text};
    for (enum time_kind kind = TIME_ISO; kind < TIME_PATTERN; kind++)
        if (strcmp(text, names[kind]) == 0) {
            format->kind = kind;
            return true;
        }
    if (!strchr(text, '%'))
        return error_set(
            error, "--time-format: '%s' is not iso, unix, unix-ms or a pattern as %%d.%%m.%%Y %%H:%%M:%%S",
            text);
    /* strptime() takes these by the zone of the machine, or not at all. */
    if (uses(text, 's') || uses(text, 'Z'))
        return error_set(error, "--time-format: '%s': for %%s there is unix, for %%Z only %%z", text);
    if (!gives_date(text))
        return error_set(
            error, "--time-format: '%s' does not give a full date, or not the hour without doubt", text);
    return true;
}

bool time_format_read(const struct time_format *format, const char *text, int64_t *ns, bool *utc)
{
    *utc = true;
    switch (format->kind) {
    case TIME_ISO:
        return recorded_iso(text, ns, utc);
    case TIME_UNIX:
        return recorded_unix(text, SECOND, ns);
    case TIME_UNIX_MS:
        return recorded_unix(text, MILLISECOND, ns);
    case TIME_PATTERN:
        break;
    }
    *utc = uses(format->pattern, 'z');
    return read_pattern(format->pattern, text, ns);
}

const char *time_format_example(const struct time_format *format)
{
    static const char *const examples[] = {
        [TIME_ISO] = "2017-12-22T10:49:41", [TIME_UNIX] = "1513939781", [TIME_UNIX_MS] = "1513939781000"};
    return format->kind == TIME_PATTERN ? format->pattern : examples[format->kind];
}
