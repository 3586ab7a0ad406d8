/* Only in builds with ThreadSanitizer: C11 threads, which librdkafka uses, in terms of POSIX threads, since
 * the sanitizer of gcc 12 knows only those and crashes in a thread that it did not see start. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

/* The libraries are not instrumented: their locks are not seen, so every use of what they guard looks like a
 * race. And gcc 12's sanitizer does not know pthread_clockjoin_np: a thread that it joined seems to leak. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:librdkafka\nrace:libpaho-mqtt3as\nthread:mqtt_open\nthread:mqtt_close\nthread:kafka_destroy\n";
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
