/* Only in builds with ThreadSanitizer: C11 threads, which librdkafka uses, in terms of POSIX threads, since
 * the sanitizer of gcc 12 knows only those and crashes in a thread that it did not see start. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

/* The libraries are not instrumented: their locks are not seen, so every use of what they guard looks like a
 * race. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:librdkafka\nrace:libpaho-mqtt3as\n";
}

/* gcc 12's sanitizer does not know pthread_clockjoin_np, but pthread_timedjoin_np: else a thread that was
 * joined seems to leak, and all that is freed after it to be in a race with it. */
int pthread_clockjoin_np(pthread_t thread, void **value, clockid_t clock, const struct timespec *limit)
{
    struct timespec now, until;
    clock_gettime(clock, &now);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += limit->tv_sec - now.tv_sec;
    until.tv_nsec += limit->tv_nsec - now.tv_nsec;
    if (until.tv_nsec < 0) {
        until.tv_nsec += 1000000000;
        until.tv_sec--;
    } else if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return pthread_timedjoin_np(thread, value, &until);
}

struct start {
    thrd_start_t run;
    void *argument;
};

static void *run(void *context)
{
    struct start start = *(struct start *)context;
    free(context);
    return (void *)(intptr_t)start.run(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return thrd_nomem;
    *start = (struct start){function, argument};
    if (pthread_create(thread, NULL, run, start) == 0)
        return thrd_success;
    free(start);
    return thrd_error;
}

int thrd_join(thrd_t thread, int *result)
{
    void *value;
    if (pthread_join(thread, &value) != 0)
        return thrd_error;
    if (result)
        *result = (int)(intptr_t)value;
    return thrd_success;
}
