/* The instant at which a row was recorded, as a number and as text. Without a zone in the file it is UTC, so
 * that differences are right wherever the replay runs. Times go from 1678 to 2261, which fits ns since
 * 1970-01-01 in 64 bits. */
#ifndef ROOMSTREAM_CORE_RECORDED_TIME_H
#define ROOMSTREAM_CORE_RECORDED_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORDED_DATE_LENGTH = 10, RECORDED_CLOCK_MAX = 18 };

/* Zero-initialized, recorded_time_set fills it. */
struct recorded_time {
    int64_t ns; /* since 1970-01-01 */
    bool utc;   /* the file says so; else the zone is unknown */
    /* Not NUL-terminated: YYYY/MM/DD, and HH:MM:SS with 3, 6 or 9 decimals where the second is not whole. */
    char date[RECORDED_DATE_LENGTH], clock[RECORDED_CLOCK_MAX];
    size_t clock_length;
    int64_t day; /* ns at which the date that is written begins; for recorded_time_set */
};

/* Sets the instant and writes its texts. Cheap while the day stays the same. */
void recorded_time_set(struct recorded_time *time, int64_t ns, bool utc);

/* True when the instant lies within 1678 to 2261. */
bool recorded_time_fits(int64_t ns);

/* `date` is YYYY/MM/DD or YYYY-MM-DD, a day of the calendar from 1678 to 2261. False for anything else; else
 * *ns is its start since 1970-01-01. */
bool recorded_date(const char *date, int64_t *ns);

/* `clock` is HH:MM or HH:MM:SS from 00:00:00 to 23:59:59, with or without decimals (those after the ninth are
 * dropped). False for anything else; else *ns is that within the day. */
bool recorded_clock(const char *clock, int64_t *ns);

/* A date, or a date and a clock with T or a blank between, and after the clock a zone where it is known: Z,
 * +01:00, +0100 or +01 (ISO 8601, RFC 3339). False for anything else; else *ns is the instant, and *utc says
 * whether there is a zone. */
bool recorded_iso(const char *text, int64_t *ns, bool *utc);

/* A decimal number of units (SECOND, MILLISECOND) since 1970-01-01 UTC. False for anything else. */
bool recorded_unix(const char *text, int64_t unit, int64_t *ns);

#endif
