#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bench_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t bench_realtime(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t bench_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_usage(int argc, char **argv, int count, const char *arguments)
{
    if (argc == count + 1)
        return;
    fprintf(stderr, "usage: %s %s\n", argv[0], arguments);
    exit(2);
}

long bench_number(const char *text)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end || errno || number < 0) {
        fprintf(stderr, "'%s' is not a number of 0 or more\n", text);
        exit(2);
    }
    return number;
}

void bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void bench_await(sem_t *done, const char *what)
{
    enum { PATIENCE = 120 };
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE;
    if (sem_timedwait(done, &limit) != 0)
        bench_fail("not within %d s: %s", PATIENCE, what);
}

void bench_result(uint64_t messages, int64_t duration, int64_t cpu)
{
    printf("{\"messages\":%" PRIu64 ",\"seconds\":%.6f,\"cpu\":%.6f}\n", messages, (double)duration / 1e9,
           (double)cpu / 1e9);
    fflush(stdout);
}

static int compare(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static double percentile(const int64_t *sorted, long count, double part)
{
    long index = (long)(part * (double)(count - 1) + 0.5);
    return (double)sorted[index] / 1e6;
}

void bench_percentiles(int64_t *latencies, long count)
{
    long warm = count / 10;
    latencies += warm;
    count -= warm;
    qsort(latencies, (size_t)count, sizeof *latencies, compare);
    printf("{\"messages\":%ld,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n", count,
           percentile(latencies, count, 0.5), percentile(latencies, count, 0.99),
           percentile(latencies, count, 1));
}
