/* What the benchmark's own programs share. They measure what the libraries can do at best, so they use none
 * of roomstream's code: no options, no log; arguments in a fixed order, the result on stdout. */
#ifndef ROOMSTREAM_BENCH_BENCH_H
#define ROOMSTREAM_BENCH_BENCH_H

#include <semaphore.h>
#include <stdint.h>

/* The program's arguments, with a usage line and exit status 2 where there are fewer than `count`. */
void bench_usage(int argc, char **argv, int count, const char *arguments);

/* A whole number, 0 or more; anything else ends the program with status 2. */
long bench_number(const char *text);

/* Ends the program with status 1. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ns: monotonic; since 1970; CPU time that this process has used. */
int64_t bench_now(void);
int64_t bench_realtime(void);
int64_t bench_cpu(void);

/* Waits for `done`, two minutes at most; then ends the program with status 1. */
void bench_await(sem_t *done, const char *what);

/* Prints one line: messages, seconds and CPU seconds of a measurement. */
void bench_result(uint64_t messages, int64_t duration, int64_t cpu);

/* Prints one line: percentiles in ms of latencies in ns, which it sorts. The first tenth of them is for
 * warming up and does not count. */
void bench_percentiles(int64_t *latencies, long count);

#endif
