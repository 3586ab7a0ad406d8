/* The file of the position: where it is missing or damaged. */
#include "damaged_spool.h"

static void without_position_all_that_is_there_is_delivered(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    char uuid[40];
    uint64_t first, last;
    append_messages(spool, 1, 9);
    deliver(spool, 1, 4);
    strcpy(uuid, spool_uuid(spool));
    spool_close(spool);
    unlink_file(folder, "position");
    spool = open_spool(folder);
    assert_string_equal(spool_uuid(spool), uuid);
    /* Nobody knows the last id. */
    assert_true(append_message(spool, 10) > UINT32_MAX);
    read_all(spool, &first, &last);
    assert_int_equal(first, 1);
    assert_int_equal(last, 10);
    spool_close(spool);
}

static void without_position_and_first_segment_it_is_refused(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1500, false);
    const struct spool_settings repair = settings_of(folder, 1500, true);
    struct spool *spool = open_with(&settings);
    uint64_t first, last;
    append_messages(spool, 1, 40);
    deliver(spool, 1, 20);
    spool_close(spool);
    assert_false(file_exists(folder, FIRST_SEGMENT));
    unlink_file(folder, "position");
    assert_refused(&settings, "position");
    spool = open_with(&repair);
    read_all(spool, &first, &last);
    assert_true(first > 1 && first <= 21);
    assert_int_equal(last, 40);
    spool_close(spool);
    spool_close(open_with(&settings));
}

static void one_whole_slot_is_enough(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 9);
    for (uint64_t number = 1; number <= 6; number++) {
        deliver(spool, number, number);
        spool_save(spool);
        for (int slot = 0; slot < 2; slot++) {
            copy_as_killed();
            flip(copy, "position", slot * 4096 + 40);
            struct spool *other = open_spool(copy);
            /* The older one is one delivery behind. */
            assert_in_range(stats_of(other).position, number, number + 1);
            spool_close(other);
        }
    }
    spool_close(spool);
}

static void without_whole_slot_it_is_refused(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 9);
    deliver(spool, 1, 6);
    spool_close(spool);
    flip(folder, "position", 50);
    flip(folder, "position", 4096 + 50);
    struct spool_settings settings = spool_defaults(folder);
    assert_refused(&settings, "neither copy");
    settings.repair = true;
    spool = open_with(&settings);
    deliver(spool, 1, 9);
    spool_close(spool);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_position_all_that_is_there_is_delivered),
        TEST(without_position_and_first_segment_it_is_refused),
        TEST(one_whole_slot_is_enough),
        TEST(without_whole_slot_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
