/* The instant at which a row was recorded, from its date and time columns. They name no zone: it is taken as
 * UTC, so that differences are right wherever the replay runs. */
#ifndef ROOMSTREAM_RECORDED_TIME_H
#define ROOMSTREAM_RECORDED_TIME_H

#include <stdbool.h>
#include <stdint.h>

enum { RECORDED_DATE_LENGTH = 10, RECORDED_CLOCK_LENGTH = 8 };

/* `date` is YYYY/MM/DD and a day of the calendar. False for anything else; else *seconds is its start since
 * 1970-01-01. */
bool recorded_date(const char *date, int64_t *seconds);

/* `clock` is HH:MM:SS from 00:00:00 to 23:59:59. False for anything else; else *seconds is that within the
 * day. */
bool recorded_clock(const char *clock, int64_t *seconds);

#endif
