/* The spool when system calls fail: writes that fail or are short, full disks, limits. */
#include "failing_spool.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

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
    /* The next record needs a new segment: not before the old one is whole again. */
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
    /* What lies behind it can be neither skipped nor counted. */
    assert_true(spool_advance(spool, 5));
    assert_int_equal(stats_of(spool).position, 1);
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
        TEST(a_limit_on_the_size_of_files_makes_segments_shorter),
        TEST(a_full_disk_is_got_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
