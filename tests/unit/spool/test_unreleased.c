/* Packet ids of QoS 2 that are not released: they outlive kills. */
#include "damaged_spool.h"

static void assert_unreleased(struct spool *spool, const char *expected)
{
    static uint16_t ids[65535];
    char text[400] = "";
    size_t count = spool_unreleased(spool, ids);
    for (size_t i = 0; i < count && strlen(text) < 380; i++) {
        sprintf(text + strlen(text), "%u ", ids[i]);
        assert_true(spool_holds(spool, ids[i]));
    }
    assert_string_equal(text, expected);
    assert_int_equal(spool_unreleased_count(spool), count);
}

static void packet_ids_outlive_restarts_and_segments(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 300, false);
    struct spool *spool = open_with(&settings);
    uint64_t number = 1;
    append_packet_id(spool, SPOOL_MESSAGE, 9);
    append_packet_id(spool, SPOOL_MESSAGE, 2);
    append_packet_id(spool, SPOOL_MESSAGE, 65535);
    append_packet_id(spool, SPOOL_RELEASE, 2);
    append_packet_id(spool, SPOOL_RELEASE, 2);
    append_packet_id(spool, SPOOL_MESSAGE, 4);
    assert_unreleased(spool, "9 65535 4 ");
    assert_false(spool_holds(spool, 2));
    assert_false(spool_holds(spool, 0));
    spool_close(spool);
    spool = open_with(&settings);
    assert_unreleased(spool, "9 65535 4 ");
    for (; number <= 20; number++)
        append_message(spool, number);
    struct spool_record record;
    while (spool_read(spool, &record, NULL) == SPOOL_READ_RECORD)
        spool_delivered(spool, record.id);
    spool_close(spool); /* the segments where they were stored are gone */
    assert_false(file_exists(folder, FIRST_SEGMENT));
    spool = open_with(&settings);
    assert_unreleased(spool, "9 65535 4 ");
    append_packet_id(spool, SPOOL_RELEASE, 65535);
    append_packet_id(spool, SPOOL_MESSAGE, 2);
    assert_unreleased(spool, "9 4 2 ");
    append_packet_id(spool, SPOOL_FORGET, 0);
    append_packet_id(spool, SPOOL_MESSAGE, 4);
    assert_unreleased(spool, "4 ");
    spool_close(spool);
    spool = open_with(&settings);
    assert_unreleased(spool, "4 ");
    spool_close(spool);
}

static void the_next_header_knows_of_a_release_that_is_lost(void **state)
{
    (void)state;
    const struct spool_settings repair = settings_of(folder, 150, true);
    struct spool *spool = open_with(&repair);
    append_packet_id(spool, SPOOL_MESSAGE, 8);
    append_packet_id(spool, SPOOL_RELEASE, 8);
    append_packet_id(spool, SPOOL_MESSAGE, 9);
    append_packet_id(spool, SPOOL_MESSAGE, 10);
    assert_int_equal(count_segments(folder), 2);
    spool_close(spool);
    flip(folder, FIRST_SEGMENT, 52 + 44 + 5);
    spool = open_with(&repair);
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt"));
    assert_unreleased(spool, "9 10 ");
    spool_close(spool);
}

/* If it were held for ever, a later message would count as a repeated one. */
static void a_packet_id_whose_release_is_lost_is_not_held(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1 << 20, false);
    const struct spool_settings repair = settings_of(folder, 1 << 20, true);
    for (int last = 0; last < 2; last++) { /* the release: in the middle, at the end */
        struct spool *spool = open_with(&settings);
        append_packet_id(spool, SPOOL_MESSAGE, 8);
        append_packet_id(spool, SPOOL_RELEASE, 8);
        if (!last)
            append_message(spool, 3);
        spool_close(spool);
        flip(folder, FIRST_SEGMENT, 52 + 44 + 20);
        assert_refused(&settings, "id 2 is not whole");
        spool = open_with(&repair);
        assert_unreleased(spool, "");
        /* Nobody knows how many ids a lost end had. */
        assert_true((append_message(spool, 4) > UINT32_MAX) == (last == 1));
        spool_close(spool);
        empty_folder(folder);
    }
}

static void all_packet_ids_fit_a_header(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1 << 20, false);
    struct spool *spool = open_with(&settings);
    for (uint32_t id = 65535; id >= 1; id--)
        append_packet_id(spool, SPOOL_MESSAGE, (uint16_t)id);
    struct spool_record record;
    for (int i = 0; i < 65535; i++) {
        assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_RECORD);
        spool_delivered(spool, record.id);
    }
    spool_close(spool);
    assert_int_equal(count_segments(folder), 1);
    spool = open_with(&settings);
    static uint16_t ids[65535];
    assert_int_equal(spool_unreleased(spool, ids), 65535);
    for (size_t i = 0; i < 65535; i++)
        assert_int_equal(ids[i], 65535 - i);
    spool_close(spool);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(packet_ids_outlive_restarts_and_segments),
        TEST(the_next_header_knows_of_a_release_that_is_lost),
        TEST(a_packet_id_whose_release_is_lost_is_not_held),
        TEST(all_packet_ids_fit_a_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
