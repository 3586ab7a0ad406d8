/* The spool at its start, after a kill or with a damage: torn tails, flipped bits. */
#include "damaged_spool.h"

static void a_torn_tail_is_cut_off_at_every_byte(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 4);
    int64_t whole = file_size(folder, FIRST_SEGMENT);
    append_message(spool, 5);
    copy_as_killed();
    int64_t length = file_size(copy, FIRST_SEGMENT);
    struct content segment = read_file(copy, FIRST_SEGMENT), position = read_file(copy, "position");
    spool_close(spool);
    for (int64_t end = whole; end <= length; end++) {
        uint64_t first, last;
        write_file(copy, FIRST_SEGMENT, segment.bytes, (size_t)end);
        write_file(copy, "position", position.bytes, position.length);
        spool = open_spool(copy);
        assert_int_equal(spool_next_id(spool), end < length ? 5 : 6);
        assert_int_equal(file_size(copy, FIRST_SEGMENT), end < length ? whole : length);
        if (end < length)
            append_message(spool, 5);
        append_message(spool, 6);
        read_all(spool, &first, &last);
        assert_int_equal(first, 1);
        assert_int_equal(last, 6);
        spool_close(spool);
    }
    free(segment.bytes);
    free(position.bytes);
}

static void a_payload_that_holds_records_is_not_taken_for_them(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 4);
    struct content inner = read_file(folder, FIRST_SEGMENT);
    const struct spool_record record = {.kind = SPOOL_MESSAGE, .payload = {inner.bytes, inner.length}};
    assert_int_equal(spool_append(spool, &record, NULL, NULL), SPOOL_APPENDED);
    copy_as_killed();
    spool_close(spool);
    truncate_file(copy, FIRST_SEGMENT, file_size(copy, FIRST_SEGMENT) - 1);
    uint64_t first, last;
    spool = open_spool(copy);
    read_all(spool, &first, &last);
    assert_int_equal(last, 4);
    spool_close(spool);
    free(inner.bytes);
}

/* ---- flipped bits ---- */

enum { MESSAGES = 12, DELIVERED = 3 };

static void make_small_spool(void)
{
    const struct spool_settings settings = settings_of(folder, 1500, false);
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, MESSAGES);
    assert_true(count_segments(folder) >= 3);
    deliver(spool, 1, 1);
    spool_save(spool);
    deliver(spool, 2, DELIVERED);
    spool_close(spool);
}

struct flips {
    bool repair;
    int refused, cut, unharmed, repaired;
};

/* One file of the copy is harmed; then it must be refused, or hold no other messages than before. */
static void check_flip(struct flips *flips, const char *name)
{
    const struct spool_settings settings = settings_of(copy, 1500, flips->repair);
    struct error error;
    struct spool_record record;
    uint64_t expected = DELIVERED + 1, missing = 0;
    struct spool *spool = spool_open(&settings, &error);
    if (!spool) {
        flips->refused++;
        assert_non_null(strstr(error.text, "--spool-repair"));
        return;
    }
    bool from_start = false;
    while (spool_read(spool, &record, &error) == SPOOL_READ_RECORD) {
        uint64_t number = (uint64_t)(record.time / 1000);
        assert_true(is_message(&record, number));
        /* Without the newest position some are delivered again. */
        if (number < expected && !from_start && strcmp(name, "position") == 0)
            expected = number;
        from_start = true;
        assert_true(number >= expected);
        missing += number - expected;
        expected = number + 1;
        spool_delivered(spool, record.id);
    }
    missing += MESSAGES + 1 - expected;
    assert_reads_nothing(spool);
    if (missing == 0) {
        flips->unharmed++;
    } else {
        assert_int_equal(missing, 1);
        assert_true(flips->repair);
        flips->cut++;
    }
    append_message(spool, 99);
    assert_reads(spool, 99);
    spool_close(spool);
}

static void flip_every_byte(const char *path, void *context)
{
    struct flips *flips = context;
    const char *name = strrchr(path, '/') + 1;
    if (strcmp(name, "lock") == 0)
        return;
    int64_t length = file_size(folder, name);
    for (int64_t offset = 0; offset < length; offset++) {
        /* Most of the position file is empty. */
        if (strcmp(name, "position") == 0 && offset % 4096 > 120)
            continue;
        copy_folder(folder, copy);
        flip(copy, name, offset);
        check_flip(flips, name);
    }
}

static void a_flipped_bit_is_never_taken_for_data(void **state)
{
    (void)state;
    struct flips flips = {.repair = false};
    make_small_spool();
    for_each_file(folder, flip_every_byte, &flips);
    assert_true(flips.refused > 1000 && flips.cut == 0 && flips.unharmed > 50);
}

static void a_repair_loses_no_more_than_the_damaged_record(void **state)
{
    (void)state;
    struct flips flips = {.repair = true};
    make_small_spool();
    for_each_file(folder, flip_every_byte, &flips);
    assert_true(flips.refused == 0 && flips.cut > 1000 && flips.unharmed > 50);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_torn_tail_is_cut_off_at_every_byte),
        TEST(a_payload_that_holds_records_is_not_taken_for_them),
        TEST(a_flipped_bit_is_never_taken_for_data),
        TEST(a_repair_loses_no_more_than_the_damaged_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
