/* The spool with several threads: one appends, one reads and delivers, one reads counters, one syncs. Above
 * all for ThreadSanitizer. */
#include "spool_folder.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { MESSAGES = 20000 };

struct shared {
    struct spool *spool;
    atomic_bool done;
    int64_t deadline;
};

/* cmocka's assertions are for the main thread only. */
static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void check_time(const struct shared *shared)
{
    must(clock_monotonic() < shared->deadline, "progress");
}

static void *append(void *argument)
{
    struct shared *shared = argument;
    for (uint64_t number = 1; number <= MESSAGES;) {
        struct message message;
        struct error error;
        make_message(&message, number);
        message.record.packet_id = (uint16_t)(number % 100 + 1);
        enum spool_append_result result = spool_append(shared->spool, &message.record, NULL, &error);
        if (result == SPOOL_APPENDED) {
            const struct spool_record release = {.kind = SPOOL_RELEASE,
                                                 .packet_id = message.record.packet_id};
            if (number % 3 == 0)
                spool_append(shared->spool, &release, NULL, &error);
            number++;
        } else if (result == SPOOL_FULL) {
            sched_yield();
        } else {
            must(false, error.text);
        }
        check_time(shared);
    }
    return NULL;
}

static void *look_on(void *argument)
{
    struct shared *shared = argument;
    uint64_t received = 0, position = 0;
    struct spool_ledger before = {0}, ledger;
    static uint16_t ids[65535];
    while (!atomic_load(&shared->done)) {
        struct spool_stats stats;
        spool_get_stats(shared->spool, &stats);
        must(stats.received == stats.delivered + stats.dead + stats.spooled, "the sum");
        must(stats.spooled <= MESSAGES && stats.in_flight <= stats.spooled, "what is in flight is spooled");
        must(stats.received >= received && stats.position >= position, "counts grow");
        must(stats.position <= stats.next_id, "the position is not beyond the end");
        spool_get_ledger(shared->spool, &ledger);
        must(ledger.received == ledger.delivered + ledger.dead + ledger.spooled, "the ledger's sum");
        must(ledger.received >= before.received && ledger.delivered >= before.delivered &&
                 ledger.dead >= before.dead && ledger.spooled <= MESSAGES,
             "the ledger grows");
        before = ledger;
        received = stats.received;
        position = stats.position;
        must(spool_unreleased_count(shared->spool) <= 100, "the number of packet ids");
        must(spool_unreleased(shared->spool, ids) <= 100, "the packet ids");
        spool_holds(shared->spool, 7);
        sched_yield();
    }
    return NULL;
}

static void use_from_all_threads(int sync)
{
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 16384;
    settings.max_bytes = 200000;
    settings.sync = sync;
    settings.sync_interval = MILLISECOND;
    settings.window = 256;
    struct shared shared = {.spool = open_with(&settings), .deadline = clock_monotonic() + 50 * SECOND};
    pthread_t appender, onlooker;
    uint64_t read = 0, ids[256], in_flight = 0;
    assert_int_equal(pthread_create(&appender, NULL, append, &shared), 0);
    assert_int_equal(pthread_create(&onlooker, NULL, look_on, &shared), 0);
    while (read < MESSAGES || in_flight > 0) {
        struct spool_record record;
        struct error error;
        enum spool_read_result result = spool_read(shared.spool, &record, &error);
        if (result == SPOOL_READ_FAILED)
            fail_msg("%s", error.text);
        if (result == SPOOL_READ_RECORD) {
            read++;
            assert_true(is_message(&record, read));
            ids[in_flight++] = record.id;
        }
        /* The newest first. */
        if (result != SPOOL_READ_RECORD || in_flight == 200) {
            while (in_flight > 0)
                spool_delivered(shared.spool, ids[--in_flight]);
            spool_save(shared.spool);
            sched_yield();
        }
        check_time(&shared);
    }
    assert_int_equal(pthread_join(appender, NULL), 0);
    atomic_store(&shared.done, true);
    assert_int_equal(pthread_join(onlooker, NULL), 0);
    assert_reads_nothing(shared.spool);
    assert_stats(shared.spool, MESSAGES, MESSAGES, 0);
    spool_close(shared.spool);
}

static void threads_with_interval(void **state)
{
    (void)state;
    use_from_all_threads(SPOOL_SYNC_INTERVAL);
}

static void threads_with_always(void **state)
{
    (void)state;
    use_from_all_threads(SPOOL_SYNC_ALWAYS);
}

static void threads_without_sync(void **state)
{
    (void)state;
    use_from_all_threads(SPOOL_SYNC_NONE);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_folder, teardown_folder)
    const struct CMUnitTest tests[] = {
        TEST(threads_with_interval),
        TEST(threads_with_always),
        TEST(threads_without_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
