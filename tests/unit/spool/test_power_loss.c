/* The spool after a power loss: what was not synced is gone. */
#include "damaged_spool.h"

static void append_unsynced(struct spool *spool, int64_t *synced)
{
    struct error error;
    append_messages(spool, 1, 5);
    assert_true(spool_sync(spool, &error));
    *synced = file_size(folder, FIRST_SEGMENT);
    append_messages(spool, 6, 9);
}

static int64_t message_length(uint64_t number)
{
    struct message message;
    make_message(&message, number);
    return 44 + (int64_t)(message.record.topic.length + message.record.properties.length +
                          message.record.payload.length);
}

/* Of numbers 6 to 9: those whose bytes are as they were. */
static void assert_reads_what_is_whole(struct spool *spool, struct content before, struct content after)
{
    size_t offset = 52;
    for (uint64_t number = 1; number <= 9; number++) {
        size_t length = (size_t)message_length(number);
        if (number > 5 && offset + length <= after.length &&
            memcmp(before.bytes + offset, after.bytes + offset, length) == 0)
            spool_delivered(spool, assert_reads(spool, number));
        offset += length;
    }
}

static void a_power_loss_costs_only_what_was_not_synced(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    int64_t synced;
    append_unsynced(spool, &synced);
    int64_t length = file_size(folder, FIRST_SEGMENT);
    static const uint8_t zeros[65536];
    struct content before = read_file(folder, FIRST_SEGMENT);
    for (int64_t from = synced; from < length; from += 7)
        for (int64_t to = from + 1; to <= length; to += 97) {
            uint64_t first;
            copy_as_killed();
            overwrite(copy, FIRST_SEGMENT, from, zeros, (size_t)(to - from));
            if (to + 97 > length)
                truncate_file(copy, FIRST_SEGMENT, to);
            struct content after = read_file(copy, FIRST_SEGMENT);
            boot++;
            struct spool *other = open_spool(copy);
            /* The lost records' ids may be known elsewhere. */
            assert_true(append_message(other, 77) >= UINT64_C(1) << 32);
            /* A second start in the same boot skips no more. */
            spool_close(other);
            other = open_spool(copy);
            assert_true(spool_next_id(other) < (UINT64_C(2) << 32) + 20);
            for (first = 1; first <= 5; first++)
                spool_delivered(other, assert_reads(other, first));
            assert_reads_what_is_whole(other, before, after);
            free(after.bytes);
            assert_reads(other, 77);
            spool_close(other);
        }
    free(before.bytes);
    spool_close(spool);
}

static void a_hole_without_power_loss_is_damage(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    const struct spool_settings settings = spool_defaults(copy);
    int64_t synced;
    append_unsynced(spool, &synced);
    copy_as_killed();
    overwrite(copy, FIRST_SEGMENT, synced, "\0\0\0\0\0\0\0\0", 8);
    assert_refused(&settings, "id 6 is not whole");
    boot++;
    spool_close(open_with(&settings));
    spool_close(spool);
}

static void damage_before_the_synced_point_is_no_power_loss(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    const struct spool_settings settings = spool_defaults(copy);
    int64_t synced;
    append_unsynced(spool, &synced);
    copy_as_killed();
    boot++;
    int64_t fourth = 52 + message_length(1) + message_length(2) + message_length(3); /* where it stands */
    flip(copy, FIRST_SEGMENT, synced - 1);
    assert_refused(&settings, "was stored and synced");
    /* Nor is it a torn tail when nothing stands behind it. */
    truncate_file(copy, FIRST_SEGMENT, synced);
    assert_refused(&settings, "was stored and synced");
    truncate_file(copy, FIRST_SEGMENT, fourth);
    assert_refused(&settings, "id 4 was stored and synced");
    truncate_file(copy, FIRST_SEGMENT, fourth - 20);
    assert_refused(&settings, "id 3 was stored and synced");
    struct spool_settings repair = settings;
    repair.repair = true;
    uint64_t first, last;
    struct spool *other = open_with(&repair);
    read_all(other, &first, &last);
    assert_int_equal(last, 2);
    spool_close(other);
    spool_close(open_with(&settings));
    spool_close(spool);
}

/* The first id of the segment behind the one that begins with this id; 41 behind the last. */
static uint64_t next_segment(uint64_t id)
{
    char name[64];
    do
        snprintf(name, sizeof name, "%020" PRIu64 ".seg", ++id);
    while (id <= 40 && !file_exists(folder, name));
    return id;
}

static void a_power_loss_may_take_segments(void **state)
{
    (void)state;
    struct spool_settings settings = settings_of(folder, 1500, false);
    struct spool *spool = open_with(&settings);
    struct error error;
    uint64_t lost = 0;
    append_messages(spool, 1, 10);
    assert_true(spool_sync(spool, &error));
    append_messages(spool, 11, 40);
    settings.directory = copy;
    for (uint64_t id = 12; id <= 40; id++) {
        char name[64];
        snprintf(name, sizeof name, "%020" PRIu64 ".seg", id);
        if (!file_exists(folder, name))
            continue;
        for (int kind = 0; kind < 3; kind++) {
            copy_as_killed();
            if (kind == 0)
                truncate_file(copy, name, 0);
            else if (kind == 1)
                unlink_file(copy, name);
            else
                overwrite(copy, name, 0, "\0\0\0\0\0\0\0\0", 8);
            boot++;
            struct spool *other = open_with(&settings);
            uint64_t next = next_segment(id);
            for (uint64_t number = 1; number <= 40; number++)
                if (kind == 2 || number < id || number >= next)
                    spool_delivered(other, assert_reads(other, number));
            assert_reads_nothing(other);
            spool_close(other);
            lost++;
        }
    }
    assert_true(lost > 9);
    spool_close(spool);
}

static void records_behind_the_position_may_be_lost(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 3);
    int64_t whole = file_size(folder, FIRST_SEGMENT);
    append_messages(spool, 4, 9);
    deliver(spool, 1, 8);
    spool_save(spool);
    copy_as_killed();
    truncate_file(copy, FIRST_SEGMENT, whole);
    boot++;
    struct spool *other = open_spool(copy);
    assert_true(append_message(other, 10) > 9);
    deliver(other, 10, 10);
    assert_reads_nothing(other);
    assert_stats(other, 9, 9, 0);
    spool_close(other);
    spool_close(spool);
}

static void what_is_advanced_elsewhere_may_lie_among_lost_ids(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 9);
    copy_as_killed();
    truncate_file(copy, FIRST_SEGMENT, file_size(copy, FIRST_SEGMENT) - 1);
    boot++;
    struct spool *other = open_spool(copy);
    append_message(other, 20);
    assert_true(spool_advance(other, 10)); /* id 9 was delivered before the power was lost */
    assert_reads(other, 20);
    assert_stats(other, 9, 8, 0);
    spool_close(other);
    other = open_spool(copy);
    deliver(other, 20, 20);
    spool_close(other);
    spool_close(spool);
}

static void a_gap_waits_for_what_is_before_it(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    struct spool_record record;
    append_messages(spool, 1, 5);
    copy_as_killed();
    spool_close(spool);
    boot++;
    spool = open_spool(copy);
    append_message(spool, 6);
    read_messages(spool, 1, 5);
    assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_WINDOW);
    assert_stats(spool, 6, 0, 0);
    for (uint64_t id = 2; id <= 5; id++)
        spool_delivered(spool, id);
    assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_WINDOW);
    spool_rewind(spool);
    assert_reads(spool, 1);
    assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_WINDOW);
    spool_delivered(spool, 1);
    deliver(spool, 6, 6);
    assert_stats(spool, 6, 6, 0);
    spool_close(spool);
}

static void a_clean_end_loses_no_ids(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.sync = SPOOL_SYNC_INTERVAL;
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, 5);
    spool_close(spool);
    boot++;
    spool = open_with(&settings);
    assert_int_equal(spool_next_id(spool), 6);
    append_message(spool, 6);
    copy_as_killed();
    spool_close(spool);
    boot++;
    settings.directory = copy;
    spool = open_with(&settings);
    assert_true(spool_next_id(spool) > UINT32_MAX);
    deliver(spool, 1, 6);
    spool_close(spool);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_power_loss_costs_only_what_was_not_synced),
        TEST(a_hole_without_power_loss_is_damage),
        TEST(damage_before_the_synced_point_is_no_power_loss),
        TEST(a_power_loss_may_take_segments),
        TEST(records_behind_the_position_may_be_lost),
        TEST(what_is_advanced_elsewhere_may_lie_among_lost_ids),
        TEST(a_gap_waits_for_what_is_before_it),
        TEST(a_clean_end_loses_no_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
