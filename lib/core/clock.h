/* Time in nanoseconds, as int64_t everywhere: 292 years fit. */
#ifndef ROOMSTREAM_CORE_CLOCK_H
#define ROOMSTREAM_CORE_CLOCK_H

#include <stdint.h>

#define MICROSECOND INT64_C(1000)
#define MILLISECOND INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)

/* Nanoseconds since an arbitrary start that never goes back (CLOCK_MONOTONIC): for waits and intervals. */
int64_t clock_monotonic(void);

/* Nanoseconds since 1970-01-01 UTC (CLOCK_REALTIME): for what people and other programs read. It can jump. */
int64_t clock_realtime(void);

/* Writes `realtime` (not before 1970) as RFC 3339 in UTC with milliseconds, e.g. 2026-11-24T21:00:00.123Z,
 * into text. The log, and what programs print or write as JSON: a change changes all of it. */
#define CLOCK_RFC3339_SIZE 32
void clock_rfc3339(int64_t realtime, char text[static CLOCK_RFC3339_SIZE]);

#endif
