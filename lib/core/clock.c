#include "clock.h"

#include <stdio.h>
#include <time.h>

static int64_t now(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

int64_t clock_monotonic(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t clock_realtime(void)
{
    return now(CLOCK_REALTIME);
}

void clock_rfc3339(int64_t realtime, char text[static CLOCK_RFC3339_SIZE])
{
    time_t seconds = realtime / SECOND;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t length = strftime(text, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, CLOCK_RFC3339_SIZE - length, ".%03dZ", (int)(realtime % SECOND / MILLISECOND));
}
