/* The spool when the system fails it: writes that fail or fall short, syncs that fail, full disks, limits. */
#include "spool_fixture.h"

#include "spool/background.h"
#include "spool/position.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/uio.h>

static char folder[64];

/* ---- system calls that fail when they are told to: the linker redirects the spool's calls here ---- */

ssize_t __real_pwritev(int fd, const struct iovec *pieces, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *pieces, int count, off_t offset);
ssize_t __real_pread(int fd, void *buffer, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *buffer, size_t size, off_t offset);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t length);
int __wrap_ftruncate(int fd, off_t length);

static struct {
    size_t longest_write; /* a call writes no more bytes than this; 0: no limit */
    int64_t room;         /* so many bytes are written, then writes fail; -1: no limit */
    int write_error;      /* the errno with which they fail */
    bool interrupt;       /* every second call is interrupted */
    int read_error, sync_error, truncate_error; /* 0: they work */
    atomic_int syncs, writes;                   /* calls */
    atomic_bool hang, hanging;                  /* a write waits until it need not any more */
} faults;

static bool interrupted(void)
{
    static _Thread_local bool now;
    now = faults.interrupt && !now;
    if (now)
        errno = EINTR;
    return now;
}

ssize_t __wrap_pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    size_t length = 0, limit = SIZE_MAX;
    struct iovec copy[8];
    faults.writes++;
    faults.hanging = (bool)faults.hang;
    while (faults.hang)
        usleep(1000);
    if (interrupted())
        return -1;
    if (faults.longest_write > 0)
        limit = faults.longest_write;
    if (faults.room >= 0 && (uint64_t)faults.room < limit)
        limit = (size_t)faults.room;
    if (limit == 0) {
        errno = faults.write_error;
        return -1;
    }
    assert_in_range(count, 1, 8);
    for (int i = 0; i < count; i++) {
        copy[i] = pieces[i];
        if (copy[i].iov_len > limit - length)
            copy[i].iov_len = limit - length;
        length += copy[i].iov_len;
    }
    ssize_t written = __real_pwritev(fd, copy, count, offset);
    if (faults.room >= 0 && written > 0)
        faults.room -= written;
    return written;
}

ssize_t __wrap_pread(int fd, void *buffer, size_t size, off_t offset)
{
    if (interrupted())
        return -1;
    if (faults.read_error == 0)
        return __real_pread(fd, buffer,
                            faults.longest_write && faults.longest_write < size ? faults.longest_write : size,
                            offset);
    errno = faults.read_error;
    return -1;
}

int __wrap_fdatasync(int fd)
{
    if (interrupted())
        return -1;
    faults.syncs++;
    if (faults.sync_error == 0)
        return __real_fdatasync(fd);
    errno = faults.sync_error;
    return -1;
}

int __wrap_ftruncate(int fd, off_t length)
{
    if (interrupted())
        return -1;
    if (faults.truncate_error == 0)
        return __real_ftruncate(fd, length);
    errno = faults.truncate_error;
    return -1;
}

static void no_faults(void)
{
    faults.longest_write = 0;
    faults.room = -1;
    faults.interrupt = false;
    faults.read_error = faults.sync_error = faults.truncate_error = 0;
    faults.syncs = 0;
}

static int setup(void **state)
{
    (void)state;
    no_faults();
    make_folder(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    no_faults();
    remove_folder(folder);
    return 0;
}

static void assert_append_fails(struct spool *spool, uint64_t number, const char *words)
{
    struct message message;
    struct error error;
    make_message(&message, number);
    assert_int_equal(spool_append(spool, &message.record, NULL, &error), SPOOL_FAILED);
    if (!strstr(error.text, words))
        fail_msg("'%s' is not in: %s", words, error.text);
}

static struct position saved_position(void)
{
    struct folder files;
    struct position position;
    assert_true(folder_open(&files, folder, false, NULL));
    assert_int_equal(position_read(&files, &position, NULL), POSITION_READ);
    folder_close(&files);
    return position;
}

/* ---- writes ---- */

static void short_and_interrupted_calls_are_continued(void **state)
{
    (void)state;
    for (size_t longest = 1; longest < 100; longest += 13) {
        faults.longest_write = longest;
        faults.interrupt = true;
        struct spool_settings settings = spool_defaults(folder);
        settings.segment_bytes = 2000;
        settings.sync = SPOOL_SYNC_ALWAYS;
        struct spool *spool = open_with(&settings);
        append_messages(spool, 1, 20);
        deliver(spool, 1, 10);
        spool_close(spool);
        spool = open_with(&settings);
        deliver(spool, 11, 20);
        assert_reads_nothing(spool);
        spool_close(spool);
        empty_folder(folder);
    }
}

static void a_write_that_fails_at_any_byte_leaves_nothing(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_message(spool, 1);
    int64_t size = file_size(folder, FIRST_SEGMENT);
    for (int64_t room = 0; room < 120; room++) {
        faults.room = room;
        faults.write_error = room % 2 ? ENOSPC : EIO;
        assert_append_fails(spool, 3, room % 2 ? "No space left" : "Input/output error");
        assert_int_equal(file_size(folder, FIRST_SEGMENT), size);
    }
    assert_int_equal(spool_next_id(spool), 2);
    no_faults();
    assert_int_equal(append_message(spool, 2), 2);
    deliver(spool, 1, 2);
    assert_reads_nothing(spool);
    assert_stats(spool, 2, 2, 0);
    spool_close(spool);
}

static void what_cannot_be_cut_off_at_once_is_cut_off_before_the_next(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 100; /* each record wants a segment of its own */
    struct spool *spool = open_with(&settings);
    append_message(spool, 1);
    int64_t size = file_size(folder, FIRST_SEGMENT);
    faults.truncate_error = EIO;
    faults.write_error = ENOSPC;
    /* The new segment's header is 52 bytes long. */
    faults.room = 52 + 30;
    assert_append_fails(spool, 2, "No space left");
    assert_int_equal(count_segments(folder), 2);
    faults.room = -1;
    assert_append_fails(spool, 2, "Input/output error");
    no_faults();
    append_message(spool, 2);
    append_message(spool, 3);
    assert_int_equal(file_size(folder, FIRST_SEGMENT), size);
    spool_close(spool);
    spool = open_with(&settings);
    deliver(spool, 1, 3);
    spool_close(spool);
}

static void nothing_is_left_behind_the_end_of_a_segment_that_is_done(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 400;
    struct spool *spool = open_with(&settings);
    append_message(spool, 1);
    int64_t size = file_size(folder, FIRST_SEGMENT);
    faults.truncate_error = EIO;
    faults.write_error = ENOSPC;
    faults.room = 30;
    assert_append_fails(spool, 2, "No space left");
    assert_int_equal(file_size(folder, FIRST_SEGMENT), size + 30);
    /* The next record wants a new segment: not before the old one is in order. */
    faults.room = -1;
    assert_append_fails(spool, 15, "Input/output error");
    assert_int_equal(count_segments(folder), 1);
    no_faults();
    append_message(spool, 15);
    assert_int_equal(count_segments(folder), 2);
    assert_int_equal(file_size(folder, FIRST_SEGMENT), size);
    spool_close(spool);
    spool_close(open_with(&settings));
}

static void a_segment_that_cannot_be_begun_is_tried_again(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 1000;
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, 2);
    faults.write_error = ENOSPC;
    for (int64_t room = 0; room < 52; room += 3) {
        struct spool_record large = {.kind = SPOOL_MESSAGE, .payload = {folder, 0}};
        static uint8_t bytes[1000];
        large.payload = (struct spool_bytes){bytes, sizeof bytes};
        faults.room = room;
        assert_int_equal(spool_append(spool, &large, NULL, NULL), SPOOL_FAILED);
        assert_int_equal(count_segments(folder), 1);
    }
    no_faults();
    append_messages(spool, 3, 20);
    deliver(spool, 1, 20);
    spool_close(spool);
}

static void a_position_that_cannot_be_written_is_tried_again(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 9);
    deliver(spool, 1, 4);
    spool_save(spool);
    deliver(spool, 5, 6);
    faults.room = 20;
    faults.write_error = EIO;
    spool_save(spool);
    assert_int_equal(saved_position().id, 5);
    faults.room = 0;
    spool_save(spool);
    assert_int_equal(saved_position().id, 5);
    no_faults();
    spool_save(spool);
    assert_int_equal(saved_position().id, 7);
    spool_close(spool);
}

static void the_position_is_written_only_when_it_has_moved(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 9);
    deliver(spool, 1, 4);
    faults.writes = 0;
    spool_save(spool);
    assert_int_equal(faults.writes, 1);
    assert_reads(spool, 5);
    for (int i = 0; i < 5; i++)
        spool_save(spool);
    assert_int_equal(faults.writes, 1);
    spool_close(spool);
}

static void a_read_that_fails_is_told_and_can_be_tried_again(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    struct spool_record record;
    struct error error;
    append_messages(spool, 1, 9);
    faults.read_error = EIO;
    assert_int_equal(spool_read(spool, &record, &error), SPOOL_READ_FAILED);
    assert_non_null(strstr(error.text, "Input/output error"));
    no_faults();
    deliver(spool, 1, 9);
    spool_close(spool);
}

static void damage_found_while_reading_is_told(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    struct spool_record record;
    struct error error;
    append_messages(spool, 1, 9);
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, FIRST_SEGMENT);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "\xff", 1, 52 + 50), 1);
    close(fd);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(spool_read(spool, &record, &error), SPOOL_READ_FAILED);
        assert_non_null(strstr(error.text, FIRST_SEGMENT " at offset 52: "));
        assert_non_null(strstr(error.text, "--spool-repair"));
    }
    /* What lies behind it cannot be passed, nor counted. */
    assert_true(spool_advance(spool, 5));
    assert_int_equal(stats_of(spool).position, 1);
    spool_close(spool);
}

/* ---- syncs ---- */

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
    /* The kernel says it is done now, but has dropped what it could not write. */
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

/* ---- limits and full disks ---- */

static void a_limit_on_the_size_of_files_makes_segments_shorter(void **state)
{
    (void)state;
    struct rlimit before, limit;
    struct spool *spool = open_spool(folder);
    struct error error;
    static uint8_t bytes[30000];
    const struct spool_record large = {.kind = SPOOL_MESSAGE, .payload = {bytes, sizeof bytes}};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 20000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    append_messages(spool, 1, 200);
    enum spool_append_result result = spool_append(spool, &large, NULL, &error);
    append_messages(spool, 201, 210);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, SPOOL_FAILED);
    assert_non_null(strstr(error.text, "File too large"));
    assert_true(count_segments(folder) >= 4);
    spool_close(spool);
    spool = open_spool(folder);
    deliver(spool, 1, 210);
    spool_close(spool);
}

static void a_full_disk_is_got_over(void **state)
{
    (void)state;
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("spool", folder, "tmpfs", 0, "size=256k") < 0)
        skip();
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 16384;
    settings.sync = SPOOL_SYNC_ALWAYS;
    struct spool *spool = open_with(&settings);
    uint64_t appended = 0, delivered = 0;
    for (int round = 0; round < 20; round++) {
        struct message message;
        struct error error;
        for (;;) {
            make_message(&message, appended + 1);
            enum spool_append_result result = spool_append(spool, &message.record, NULL, &error);
            if (result == SPOOL_FAILED)
                break;
            assert_int_equal(result, SPOOL_APPENDED);
            appended++;
        }
        assert_non_null(strstr(error.text, "No space left"));
        if (round % 3 == 1) {
            spool_close(spool);
            spool = open_with(&settings);
        }
        uint64_t until = delivered + 100;
        while (delivered < until && delivered < appended)
            spool_delivered(spool, assert_reads(spool, ++delivered));
        spool_save(spool);
    }
    assert_true(appended > 1000);
    deliver(spool, delivered + 1, appended);
    assert_reads_nothing(spool);
    spool_close(spool);
    empty_folder(folder);
    assert_int_equal(umount(folder), 0);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(short_and_interrupted_calls_are_continued),
        TEST(a_write_that_fails_at_any_byte_leaves_nothing),
        TEST(what_cannot_be_cut_off_at_once_is_cut_off_before_the_next),
        TEST(nothing_is_left_behind_the_end_of_a_segment_that_is_done),
        TEST(a_segment_that_cannot_be_begun_is_tried_again),
        TEST(a_position_that_cannot_be_written_is_tried_again),
        TEST(the_position_is_written_only_when_it_has_moved),
        TEST(a_read_that_fails_is_told_and_can_be_tried_again),
        TEST(damage_found_while_reading_is_told),
        TEST(always_means_before_the_append_returns),
        TEST(a_sync_records_how_far_it_reaches),
        TEST(a_failed_sync_is_not_forgotten),
        TEST(the_interval_syncs_by_itself),
        TEST(the_background_runs_only_when_it_is_asked),
        TEST(a_spool_that_cannot_be_synced_is_not_closed_clean),
        TEST(a_write_that_hangs_holds_up_nobody_who_asks),
        TEST(a_limit_on_the_size_of_files_makes_segments_shorter),
        TEST(a_full_disk_is_got_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
