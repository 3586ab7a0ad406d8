/* The signals between the threads that append to a spool and the one that reads it. */
#include "spool_fixture.h"

#include "core/event.h"

#include <poll.h>
#include <pthread.h>

/* A wait that nothing ends fails the test after this. */
static const int64_t limit = 20 * SECOND;

struct fixture {
    char folder[64];
    struct spool *spool;
    int event;
};

static int begin(void **state)
{
    static struct fixture f;
    f = (struct fixture){.event = event_open()};
    make_folder(f.folder);
    struct spool_settings settings = spool_defaults(f.folder);
    settings.segment_bytes = 4096;
    settings.max_bytes = 20000;
    f.spool = open_with(&settings);
    *state = &f;
    return f.event < 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    spool_close(f->spool);
    close(f->event);
    remove_folder(f->folder);
    return 0;
}

static bool is_raised(const struct fixture *f)
{
    struct pollfd wait = {.fd = f->event, .events = POLLIN};
    return poll(&wait, 1, 0) > 0;
}

/* ---- something was appended ---- */

struct waiter {
    struct spool *spool;
    uint64_t seen;
    int64_t waited;
};

static void *wait_on(void *context)
{
    struct waiter *w = context;
    int64_t from = clock_monotonic();
    spool_wait(w->spool, w->seen, limit);
    w->waited = clock_monotonic() - from;
    return NULL;
}

/* Does what `act` does end a wait? Whether it comes before or after the wait begins. */
static void assert_ends_wait(struct fixture *f, void (*act)(struct spool *spool))
{
    for (int turn = 0; turn < 100; turn++) {
        pthread_t thread;
        struct waiter waiter = {.spool = f->spool, .seen = spool_next_id(f->spool)};
        assert_int_equal(pthread_create(&thread, NULL, wait_on, &waiter), 0);
        if (turn % 2)
            sched_yield();
        act(f->spool);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(waiter.waited < limit / 2);
    }
}

static void append_release(struct spool *spool)
{
    append_packet_id(spool, SPOOL_RELEASE, 1);
}

static void test_an_append_ends_a_wait(void **state)
{
    assert_ends_wait(*state, append_release);
}

static void test_a_wake_ends_a_wait(void **state)
{
    assert_ends_wait(*state, spool_wake);
}

static void fill(struct fixture *f)
{
    struct message message;
    struct error error;
    enum spool_append_result result;
    make_message(&message, 10);
    while ((result = spool_append(f->spool, &message.record, NULL, &error)) == SPOOL_APPENDED)
        ;
    assert_int_equal(result, SPOOL_FULL);
}

static void *append_to_full(void *context)
{
    struct fixture *f = context;
    struct message message;
    struct error error;
    make_message(&message, 10);
    /* It finds the waiter sooner or later. */
    for (int i = 0; i < 100; i++) {
        spool_append(f->spool, &message.record, NULL, &error);
        nanosleep(&(struct timespec){.tv_nsec = MILLISECOND}, NULL);
    }
    return NULL;
}

static void test_a_message_that_does_not_fit_ends_a_wait(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    fill(f);
    struct waiter waiter = {.spool = f->spool, .seen = spool_next_id(f->spool)};
    assert_int_equal(pthread_create(&thread, NULL, append_to_full, f), 0);
    wait_on(&waiter);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(waiter.waited < limit / 2);
}

static void test_a_wait_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    int64_t from = clock_monotonic();
    spool_wait(f->spool, spool_next_id(f->spool), 20 * MILLISECOND);
    assert_true(clock_monotonic() - from >= 20 * MILLISECOND);
}

/* ---- there is room again ---- */

static void deliver_all(struct fixture *f)
{
    assert_true(spool_advance(f->spool, spool_next_id(f->spool)));
    spool_save(f->spool);
}

static void test_room_raises_the_event_once(void **state)
{
    struct fixture *f = *state;
    fill(f);
    spool_notify_below(f->spool, 10000, f->event);
    spool_save(f->spool);
    assert_false(is_raised(f));
    deliver_all(f);
    assert_true(is_raised(f));
    event_clear(f->event);
    spool_save(f->spool);
    assert_false(is_raised(f));
}

static void test_room_that_is_there_already_raises_the_event(void **state)
{
    struct fixture *f = *state;
    spool_notify_below(f->spool, 10000, f->event);
    spool_save(f->spool);
    assert_true(is_raised(f));
}

static void test_nobody_waits_any_more(void **state)
{
    struct fixture *f = *state;
    fill(f);
    spool_notify_below(f->spool, 10000, f->event);
    spool_notify_below(f->spool, 0, -1);
    deliver_all(f);
    assert_false(is_raised(f));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_an_append_ends_a_wait),
        TEST(test_a_wake_ends_a_wait),
        TEST(test_a_message_that_does_not_fit_ends_a_wait),
        TEST(test_a_wait_ends_by_itself),
        TEST(test_room_raises_the_event_once),
        TEST(test_room_that_is_there_already_raises_the_event),
        TEST(test_nobody_waits_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
