/* When the spool syncs, and what follows a failed sync. */
#include "failing_spool.h"

#include "spool/background.h"

#include <sched.h>

static void always_means_before_the_append_returns(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.sync = SPOOL_SYNC_ALWAYS;
    settings.sync_interval = MINUTE;
    struct spool *spool = open_with(&settings);
    append_message(spool, 1);
    int64_t size = file_size(folder, FIRST_SEGMENT);
    for (int i = 0; i < 5; i++) {
        faults.syncs = 0;
        append_message(spool, 2 + (uint64_t)i);
        assert_int_equal(faults.syncs, 1);
    }
    size = file_size(folder, FIRST_SEGMENT);
    faults.sync_error = EIO;
    assert_append_fails(spool, 7, "Input/output error");
    assert_int_equal(file_size(folder, FIRST_SEGMENT), size);
    no_faults();
    assert_int_equal(append_message(spool, 7), 7);
    deliver(spool, 1, 7);
    assert_reads_nothing(spool);
    spool_close(spool);
}

static void a_sync_records_how_far_it_reaches(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 1000;
    struct spool *spool = open_with(&settings);
    struct error error;
    append_messages(spool, 1, 9);
    assert_int_equal(saved_position().synced_end, 0);
    faults.syncs = 0;
    assert_true(spool_sync(spool, &error));
    assert_int_equal(faults.syncs, count_segments(folder) + 1);
    char name[SEGMENT_NAME_SIZE];
    segment_name(saved_position().synced_segment, name);
    assert_int_equal(file_size(folder, name), saved_position().synced_end);
    assert_true(saved_position().synced_segment > 5);
    spool_close(spool);
}

static void a_failed_sync_is_not_forgotten(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    struct error error;
    append_messages(spool, 1, 3);
    assert_true(spool_sync(spool, &error));
    const struct position before = saved_position();
    append_messages(spool, 4, 6);
    faults.sync_error = EIO;
    assert_false(spool_sync(spool, &error));
    assert_non_null(strstr(error.text, "cannot sync"));
    no_faults();
    /* The kernel reports success now, but has dropped what it could not write. */
    append_message(spool, 7);
    assert_false(spool_sync(spool, &error));
    assert_non_null(strstr(error.text, "below id 7"));
    assert_int_equal(saved_position().synced_end, before.synced_end);
    deliver(spool, 1, 6);
    assert_true(spool_sync(spool, &error));
    assert_true(saved_position().synced_end > before.synced_end);
    spool_close(spool);
}

static void the_interval_syncs_by_itself(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.sync = SPOOL_SYNC_INTERVAL;
    settings.sync_interval = MILLISECOND;
    struct spool *spool = open_with(&settings);
    for (uint64_t round = 0; round < 3; round++) {
        append_messages(spool, round * 5 + 1, round * 5 + 5);
        int64_t size = file_size(folder, FIRST_SEGMENT), end = clock_monotonic() + 20 * SECOND;
        while (saved_position().synced_end != size && clock_monotonic() < end)
            usleep(1000);
        assert_int_equal(saved_position().synced_end, size);
    }
    assert_false(saved_position().clean);
    spool_close(spool);
    assert_true(saved_position().clean);
}

static void count_run(void *runs)
{
    ++*(atomic_int *)runs;
}

static void the_background_runs_only_when_it_is_asked(void **state)
{
    (void)state;
    atomic_int runs = 0;
    struct background background;
    assert_int_equal(background_start(&background, "test", MILLISECOND, count_run, &runs), 0);
    for (int round = 1; round <= 3; round++) {
        int64_t end = clock_monotonic() + 20 * SECOND;
        background_request(&background);
        while (runs < round && clock_monotonic() < end)
            usleep(1000);
        usleep(20000); /* twenty intervals in which nothing is to happen */
        assert_int_equal(runs, round);
    }
    background_stop(&background);
    assert_int_equal(runs, 3);
}

static void a_spool_that_cannot_be_synced_is_not_closed_clean(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.sync = SPOOL_SYNC_INTERVAL;
    settings.sync_interval = MINUTE;
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, 5);
    faults.sync_error = EIO;
    spool_close(spool);
    no_faults();
    assert_false(saved_position().clean);
}

static void *save(void *spool)
{
    spool_save(spool);
    return NULL;
}

static void a_write_that_hangs_holds_up_nobody_who_asks(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    struct spool_ledger ledger;
    struct spool_stats stats;
    pthread_t forwarder;
    append_messages(spool, 1, 5);
    assert_true(spool_advance(spool, 3));
    faults.hang = true;
    assert_int_equal(pthread_create(&forwarder, NULL, save, spool), 0);
    while (!faults.hanging)
        usleep(1000);
    spool_get_ledger(spool, &ledger);
    spool_get_stats(spool, &stats);
    assert_int_equal(ledger.delivered, 0);
    assert_int_equal(stats.delivered, 2);
    faults.hang = false;
    pthread_join(forwarder, NULL);
    spool_get_ledger(spool, &ledger);
    assert_int_equal(ledger.delivered, 2);
    spool_close(spool);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(always_means_before_the_append_returns),
        TEST(a_sync_records_how_far_it_reaches),
        TEST(a_failed_sync_is_not_forgotten),
        TEST(the_interval_syncs_by_itself),
        TEST(the_background_runs_only_when_it_is_asked),
        TEST(a_spool_that_cannot_be_synced_is_not_closed_clean),
        TEST(a_write_that_hangs_holds_up_nobody_who_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
