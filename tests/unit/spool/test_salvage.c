/* What is refused at the start of a spool, and what a repair makes of it. */
#include "damaged_spool.h"

static void damage_is_refused_and_repaired_once(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 3);
    int64_t offset = file_size(folder, FIRST_SEGMENT);
    append_messages(spool, 4, 10);
    spool_close(spool);
    flip(folder, FIRST_SEGMENT, offset + 60);
    struct spool_settings settings = spool_defaults(folder);
    char words[200];
    snprintf(words, sizeof words, "%s/%s at offset %" PRId64 ": id 4 ", folder, FIRST_SEGMENT, offset);
    assert_refused(&settings, words);
    assert_refused(&settings, "--spool-repair");
    settings.repair = true;
    spool = open_with(&settings);
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt"));
    deliver(spool, 1, 3);
    assert_int_equal(assert_reads(spool, 5), 5);
    spool_rewind(spool);
    assert_reads(spool, 5);
    spool_close(spool);
    settings.repair = false;
    spool = open_with(&settings);
    assert_stats(spool, 9, 3, 0);
    deliver(spool, 5, 10);
    assert_int_equal(append_message(spool, 11), 11);
    deliver(spool, 11, 11);
    assert_stats(spool, 10, 10, 0);
    spool_close(spool);
}

static void a_second_repair_keeps_the_first_damaged_file(void **state)
{
    (void)state;
    struct spool_settings settings = settings_of(folder, 1 << 20, true);
    for (int i = 0; i < 3; i++) {
        struct spool *spool = open_with(&settings);
        append_messages(spool, 1, 4);
        spool_close(spool);
        flip(folder, FIRST_SEGMENT, 80);
    }
    spool_close(open_with(&settings));
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt"));
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt.2"));
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt.3"));
}

static void a_missing_segment_is_refused_and_repaired(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1500, false);
    const struct spool_settings repair = settings_of(folder, 1500, true);
    struct spool *spool = open_with(&settings);
    uint64_t id, removed = 0;
    char name[64];
    append_messages(spool, 1, 40);
    spool_close(spool);
    for (id = 10; id < 30; id++) {
        snprintf(name, sizeof name, "%020" PRIu64 ".seg", id);
        if (removed == 0 && file_exists(folder, name)) {
            unlink_file(folder, name);
            removed = id;
        } else if (removed != 0 && file_exists(folder, name)) {
            break;
        }
    }
    assert_refused(&settings, "should follow, but the next file begins with");
    spool = open_with(&repair);
    deliver(spool, 1, removed - 1);
    assert_int_equal(assert_reads(spool, id), id);
    spool_delivered(spool, id);
    deliver(spool, id + 1, 40);
    assert_stats(spool, 40 - (id - removed), 40 - (id - removed), 0);
    spool_close(spool);
    spool_close(open_with(&settings));
}

static void missing_segments_at_the_position_are_refused_and_repaired(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1500, false);
    const struct spool_settings repair = settings_of(folder, 1500, true);
    struct spool *spool = open_with(&settings);
    uint64_t first, last;
    append_messages(spool, 1, 40);
    spool_close(spool);
    unlink_file(folder, FIRST_SEGMENT);
    assert_refused(&settings, "held the ids from 1 to ");
    spool = open_with(&repair);
    read_all(spool, &first, &last);
    assert_true(first > 1 && first < 20);
    assert_int_equal(last, 40);
    spool_close(spool);
}

static void damage_in_front_of_short_records_is_seen(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    for (uint16_t id = 1; id <= 3; id++)
        append_packet_id(spool, SPOOL_RELEASE, id);
    spool_close(spool);
    flip(folder, FIRST_SEGMENT, 52 + 44 + 20);
    const struct spool_settings settings = spool_defaults(folder);
    assert_refused(&settings, "id 2 is not whole");
}

static void a_renamed_segment_is_refused(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    char from[512], to[512];
    append_messages(spool, 1, 4);
    deliver(spool, 1, 4);
    spool_close(spool);
    snprintf(from, sizeof from, "%s/%s", folder, FIRST_SEGMENT);
    snprintf(to, sizeof to, "%s/%020d.seg", folder, 5);
    assert_int_equal(rename(from, to), 0);
    const struct spool_settings settings = spool_defaults(folder);
    assert_refused(&settings, "its header says that its name is " FIRST_SEGMENT);
}

static void delivered_segments_that_a_kill_left_are_removed(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1500, false);
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, 40);
    deliver(spool, 1, 30);
    struct content first = read_file(folder, FIRST_SEGMENT);
    spool_close(spool);
    assert_false(file_exists(folder, FIRST_SEGMENT));
    write_file(folder, FIRST_SEGMENT, first.bytes, first.length);
    free(first.bytes);
    spool = open_with(&settings);
    assert_false(file_exists(folder, FIRST_SEGMENT));
    assert_int_equal(stats_of(spool).bytes, segments_size(folder));
    deliver(spool, 31, 40);
    spool_close(spool);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(damage_is_refused_and_repaired_once),
        TEST(a_second_repair_keeps_the_first_damaged_file),
        TEST(a_missing_segment_is_refused_and_repaired),
        TEST(missing_segments_at_the_position_are_refused_and_repaired),
        TEST(damage_in_front_of_short_records_is_seen),
        TEST(a_renamed_segment_is_refused),
        TEST(delivered_segments_that_a_kill_left_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
