/* Which threads of a process stand still, as the kernel counts. */
#include "core_fixture.h"

#include "clock.h"
#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A thread that only moves when it is poked: it reads a byte. */
struct sleeper {
    const char *name;
    int pipe[2];
    atomic_int woken;
    pthread_t thread;
};

static void *sleep_in_read(void *argument)
{
    struct sleeper *sleeper = argument;
    char byte;
    pthread_setname_np(pthread_self(), sleeper->name);
    do
        sleeper->woken++;
    while (read(sleeper->pipe[0], &byte, 1) == 1);
    return NULL;
}

static void wait_for_wakes(struct sleeper *sleeper, int count)
{
    int64_t end = clock_monotonic() + 20 * SECOND;
    while (sleeper->woken < count && clock_monotonic() < end)
        usleep(1000);
    assert_int_equal(sleeper->woken, count);
}

static void begin(struct sleeper *sleeper, const char *name)
{
    *sleeper = (struct sleeper){.name = name};
    assert_int_equal(pipe(sleeper->pipe), 0);
    assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_in_read, sleeper), 0);
    wait_for_wakes(sleeper, 1);
}

static void poke(struct sleeper *sleeper)
{
    int woken = sleeper->woken;
    assert_int_equal(write(sleeper->pipe[1], "x", 1), 1);
    wait_for_wakes(sleeper, woken + 1);
}

static void end(struct sleeper *sleeper)
{
    close(sleeper->pipe[1]);
    pthread_join(sleeper->thread, NULL);
    close(sleeper->pipe[0]);
}

/* Time is what the test says it is. A thread may be counted as having moved once more on its way to sleep. */
static void a_thread_that_is_not_switched_to_stands_still(void **state)
{
    (void)state;
    struct sleeper library, other;
    struct threads threads = {0};
    int64_t still;
    begin(&library, "rdk:broker7");
    begin(&other, "unknown");
    threads_look(&threads, 0, 100 * SECOND);
    assert_null(threads_find_stuck(&threads, &still));
    while (usleep(1000), threads_look(&threads, 0, threads.looked + 10 * SECOND),
           !threads_find_stuck(&threads, &still))
        assert_true(threads.looked < 200 * SECOND);
    assert_true(threads.looked >= 140 * SECOND);
    assert_string_equal(threads_find_stuck(&threads, &still), "rdk:broker7");
    assert_int_equal(still, 40 * SECOND);

    poke(&library);
    threads_look(&threads, 0, threads.looked + 9 * SECOND); /* too early to look again */
    assert_non_null(threads_find_stuck(&threads, &still));
    threads_look(&threads, 0, threads.looked + 10 * SECOND);
    assert_null(threads_find_stuck(&threads, &still));

    end(&library);
    for (int i = 0; i < 5; i++)
        threads_look(&threads, 0, threads.looked + 10 * SECOND);
    assert_null(threads_find_stuck(&threads, &still));
    assert_int_equal(threads.count, 0);
    end(&other);
}

static void who_looks_late_has_no_say(void **state)
{
    (void)state;
    struct sleeper library;
    struct threads threads = {0};
    int64_t still;
    begin(&library, "rdk:main");
    threads_look(&threads, 0, 100 * SECOND);
    threads_look(&threads, 0, 110 * SECOND);
    threads_look(&threads, 0, 170 * SECOND); /* the process was frozen */
    assert_null(threads_find_stuck(&threads, &still));
    threads_look(&threads, 0, 190 * SECOND);
    threads_look(&threads, 0, 210 * SECOND);
    assert_string_equal(threads_find_stuck(&threads, &still), "rdk:main");
    end(&library);
}

static void look_often(struct threads *threads, int waiting)
{
    for (int i = 0; i < 10; i++)
        threads_look(threads, waiting, threads->looked + 10 * SECOND);
}

static void a_thread_may_wait_for_the_lock_of_paho(void **state)
{
    (void)state;
    struct sleeper sender, receiver;
    struct threads threads = {0};
    int64_t still;
    begin(&receiver, "MQTTAsync_rcv");
    look_often(&threads, THREADS_STORING);
    assert_null(threads_find_stuck(&threads, &still));
    look_often(&threads, THREADS_CONNECTING);
    assert_null(threads_find_stuck(&threads, &still));
    look_often(&threads, 0);
    assert_string_equal(threads_find_stuck(&threads, &still), "MQTTAsync_rcv");

    begin(&sender, "MQTTAsync_send");
    look_often(&threads, THREADS_STORING);
    assert_null(threads_find_stuck(&threads, &still));
    look_often(&threads, THREADS_CONNECTING); /* it is the one that connects */
    assert_string_equal(threads_find_stuck(&threads, &still), "MQTTAsync_send");
    end(&sender);
    end(&receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_is_not_switched_to_stands_still),
        cmocka_unit_test(who_looks_late_has_no_say),
        cmocka_unit_test(a_thread_may_wait_for_the_lock_of_paho),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
