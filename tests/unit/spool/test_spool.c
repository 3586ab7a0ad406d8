/* The spool in use: append, read, deliver, restart, rotate, trim. */
#include "spool_folder.h"

static struct spool *reopen(struct spool *spool)
{
    spool_close(spool);
    return open_spool(folder);
}

static void what_is_appended_is_read(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    assert_reads_nothing(spool);
    assert_int_equal(append_message(spool, 1), 1);
    append_messages(spool, 2, 100);
    assert_int_equal(spool_next_id(spool), 101);
    for (uint64_t number = 1; number <= 100; number++)
        assert_int_equal(assert_reads(spool, number), number);
    assert_reads_nothing(spool);
    append_message(spool, 101);
    assert_reads(spool, 101);
    assert_reads_nothing(spool);
    assert_stats(spool, 101, 0, 0);
    assert_int_equal(stats_of(spool).in_flight, 101);
    spool_close(spool);
}

static void what_is_delivered_is_not_read_after_a_restart(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    char uuid[40];
    strcpy(uuid, spool_uuid(spool));
    assert_int_equal(strlen(uuid), 36);
    append_messages(spool, 1, 10);
    deliver(spool, 1, 4);
    spool = reopen(spool);
    assert_string_equal(spool_uuid(spool), uuid);
    assert_stats(spool, 10, 4, 0);
    assert_int_equal(stats_of(spool).position, 5);
    append_message(spool, 11);
    deliver(spool, 5, 11);
    assert_reads_nothing(spool);
    spool = reopen(spool);
    assert_reads_nothing(spool);
    assert_stats(spool, 11, 11, 0);
    assert_int_equal(append_message(spool, 12), 12);
    spool_close(spool);
}

static void deliveries_may_come_in_any_order(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 10);
    read_messages(spool, 1, 10);
    for (uint64_t id = 10; id >= 3; id--)
        spool_delivered(spool, id);
    spool_dead(spool, 2);
    spool_delivered(spool, 2); /* settled already */
    spool_delivered(spool, 77);
    assert_stats(spool, 10, 8, 1);
    assert_int_equal(stats_of(spool).position, 1);
    spool_delivered(spool, 1);
    assert_int_equal(stats_of(spool).position, 11);
    spool = reopen(spool);
    assert_stats(spool, 10, 9, 1);
    assert_reads_nothing(spool);
    spool_close(spool);
}

static void deliveries_above_the_position_do_not_outlive_a_restart(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 5);
    read_messages(spool, 1, 5);
    spool_delivered(spool, 1);
    spool_dead(spool, 3);
    spool_delivered(spool, 5);
    assert_stats(spool, 5, 2, 1);
    spool = reopen(spool);
    assert_stats(spool, 5, 1, 0);
    deliver(spool, 2, 5);
    assert_stats(spool, 5, 5, 0);
    spool_close(spool);
}

static void a_rewind_reads_again_what_is_not_delivered(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 20);
    read_messages(spool, 1, 12);
    spool_delivered(spool, 1);
    spool_delivered(spool, 2);
    spool_delivered(spool, 7);
    spool_dead(spool, 9);
    spool_rewind(spool);
    assert_int_equal(stats_of(spool).in_flight, 0);
    spool_delivered(spool, 4); /* a late report of a delivery is one all the same */
    for (uint64_t number = 3; number <= 20; number++)
        if (number != 4 && number != 7 && number != 9)
            assert_int_equal(assert_reads(spool, number), number);
    assert_reads_nothing(spool);
    assert_stats(spool, 20, 4, 1);
    spool_close(spool);
}

static void rewinding_often_in_a_long_segment_keeps_its_place(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    uint64_t delivered = 0;
    append_messages(spool, 1, 1000);
    while (delivered < 1000) {
        uint64_t read = delivered;
        while (read < 1000 && read < delivered + 40) {
            read++;
            assert_int_equal(assert_reads(spool, read), read);
        }
        for (int i = 0; i < 7 && delivered < 1000; i++)
            spool_delivered(spool, ++delivered);
        spool_rewind(spool);
        spool_save(spool);
    }
    assert_reads_nothing(spool);
    spool_close(spool);
}

static void the_position_may_run_ahead_of_reading_after_a_rewind(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 1000;
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, 40);
    read_messages(spool, 1, 38);
    for (uint64_t id = 2; id <= 38; id++)
        spool_delivered(spool, id);
    spool_rewind(spool);
    deliver(spool, 1, 1);
    spool_save(spool); /* removes the segments between */
    append_message(spool, 41);
    deliver(spool, 39, 41);
    assert_stats(spool, 41, 41, 0);
    spool_close(spool);
}

static void a_full_window_stops_reading(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.window = 8;
    struct spool *spool = open_with(&settings);
    struct spool_record record;
    append_messages(spool, 1, 20);
    read_messages(spool, 1, 8);
    assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_WINDOW);
    for (uint64_t id = 2; id <= 8; id++)
        spool_delivered(spool, id);
    assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_WINDOW);
    spool_delivered(spool, 1);
    deliver(spool, 9, 20);
    assert_reads_nothing(spool);
    spool_close(spool);
}

static void segments_follow_and_go(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 4096;
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, 500);
    int segments = count_segments(folder);
    assert_in_range(segments, 20, 500);
    assert_true(file_size(folder, FIRST_SEGMENT) <= 4096 + 100);
    deliver(spool, 1, 250);
    assert_int_equal(count_segments(folder), segments);
    int64_t bytes = stats_of(spool).bytes;
    assert_int_equal(bytes, segments_size(folder));
    spool_save(spool);
    assert_int_equal(stats_of(spool).bytes, segments_size(folder));
    assert_in_range(count_segments(folder), segments / 3, segments * 2 / 3);
    assert_true(stats_of(spool).bytes < bytes * 2 / 3);
    assert_false(file_exists(folder, FIRST_SEGMENT));
    spool_close(spool);
    spool = open_with(&settings);
    assert_stats(spool, 500, 250, 0);
    assert_int_equal(stats_of(spool).bytes, segments_size(folder));
    deliver(spool, 251, 500);
    spool_save(spool);
    assert_int_equal(count_segments(folder), 1);
    spool_close(spool);
    spool = open_with(&settings);
    assert_int_equal(spool_next_id(spool), 501);
    assert_reads_nothing(spool);
    spool_close(spool);
}

static void a_spool_without_segments_is_refused_and_repaired(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 30);
    deliver(spool, 1, 30);
    spool_close(spool);
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, FIRST_SEGMENT);
    assert_int_equal(unlink(path), 0);
    struct spool_settings settings = spool_defaults(folder);
    for (int start = 0; start < 2; start++)
        assert_refused(&settings, "all files in ");
    assert_false(file_exists(folder, FIRST_SEGMENT));
    settings.repair = true;
    spool = open_with(&settings);
    /* Nobody knows the last id. */
    assert_true(append_message(spool, 31) > UINT32_MAX);
    assert_reads(spool, 31);
    assert_stats(spool, 31, 30, 0);
    spool_close(spool);
}

static void records_that_are_not_messages_are_passed_over(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.window = 4;
    struct spool *spool = open_with(&settings);
    append_message(spool, 1);
    for (uint16_t i = 1; i <= 100; i++)
        append_packet_id(spool, SPOOL_RELEASE, i);
    append_message(spool, 2);
    append_packet_id(spool, SPOOL_FORGET, 0);
    struct spool_record record;
    assert_reads(spool, 1);
    assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_WINDOW);
    spool_delivered(spool, 1);
    deliver(spool, 2, 2);
    assert_reads_nothing(spool);
    assert_stats(spool, 2, 2, 0);
    assert_int_equal(stats_of(spool).position, spool_next_id(spool));
    spool_close(spool);
}

static void advancing_delivers_whatever_was_read(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.window = 16;
    settings.segment_bytes = 4096;
    struct spool *spool = open_with(&settings);
    for (uint64_t number = 1; number <= 200; number++) {
        append_message(spool, number); /* id 2 * number - 1 */
        append_packet_id(spool, SPOOL_RELEASE, 1);
    }
    read_messages(spool, 1, 5);
    spool_dead(spool, 3);
    assert_true(spool_advance(spool, 5)); /* numbers 1 and 2 */
    assert_stats(spool, 200, 1, 1);
    /* What was read stays read. */
    assert_reads(spool, 6);
    assert_true(spool_advance(spool, 201)); /* numbers to 100: far beyond what was read and the window */
    assert_stats(spool, 200, 99, 1);
    assert_int_equal(stats_of(spool).in_flight, 0);
    assert_reads(spool, 101);
    assert_false(spool_advance(spool, 200));
    assert_false(spool_advance(spool, 402));
    assert_stats(spool, 200, 99, 1);
    spool_rewind(spool);
    assert_true(spool_advance(spool, 203));
    assert_stats(spool, 200, 100, 1);
    assert_reads(spool, 102);
    assert_true(spool_advance(spool, 401));
    assert_reads_nothing(spool);
    spool_close(spool);
    spool = open_with(&settings);
    assert_stats(spool, 200, 199, 1);
    spool_close(spool);
}

static void the_bound_holds(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 4096;
    settings.max_bytes = 32768;
    struct spool *spool = open_with(&settings);
    struct message message;
    struct error error;
    uint64_t appended = 0, delivered = 0;
    for (int round = 0; round < 20; round++) {
        for (;;) {
            make_message(&message, appended + 1);
            enum spool_append_result result = spool_append(spool, &message.record, NULL, &error);
            if (result != SPOOL_APPENDED) {
                assert_int_equal(result, SPOOL_FULL);
                break;
            }
            appended++;
        }
        assert_true(stats_of(spool).bytes <= settings.max_bytes);
        /* Releases do not wait: the sender's ids would run out. */
        append_packet_id(spool, SPOOL_RELEASE, 7);
        assert_true(stats_of(spool).bytes > settings.max_bytes * 9 / 10);
        while (delivered < appended - 10)
            spool_delivered(spool, assert_reads(spool, ++delivered));
        spool_save(spool);
    }
    spool_close(spool);
}

/* As the bridge uses it: a message has a quarter of the bound at most, a segment an eighth. */
static void the_files_exceed_the_bound_by_one_record_at_most(void **state)
{
    (void)state;
    enum { BOUND = 32768, LARGEST = BOUND / 4, FRAME = 256 };
    static uint8_t payload[LARGEST];
    struct spool_record record = {.kind = SPOOL_MESSAGE}, read;
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = BOUND / 8;
    settings.max_bytes = BOUND;
    struct spool *spool = open_with(&settings);
    for (int64_t i = 0; i < 2000; i++) {
        record.payload = (struct spool_bytes){payload, (size_t)(i * 7919 % (LARGEST - FRAME))};
        if (spool_append(spool, &record, NULL, NULL) == SPOOL_FULL) {
            assert_int_equal(spool_read(spool, &read, NULL), SPOOL_READ_RECORD);
            spool_delivered(spool, read.id);
            if (i % 3 == 0)
                spool_save(spool);
        }
        assert_in_range(segments_size(folder), 0, BOUND + LARGEST);
    }
    spool_close(spool);
}

static void a_record_beyond_the_bound_is_taken_alone(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = 4096;
    settings.max_bytes = 32768;
    struct spool *spool = open_with(&settings);
    enum { LENGTH = 3000000 };
    uint8_t *payload = malloc(LENGTH);
    struct spool_record read;
    for (size_t i = 0; i < LENGTH; i++)
        payload[i] = (uint8_t)(i * i >> 3);
    const struct spool_record record = {.kind = SPOOL_MESSAGE, .payload = {payload, LENGTH}};
    append_message(spool, 1);
    assert_int_equal(spool_append(spool, &record, NULL, NULL), SPOOL_FULL);
    deliver(spool, 1, 1);
    assert_int_equal(spool_append(spool, &record, NULL, NULL), SPOOL_APPENDED);
    assert_int_equal(spool_read(spool, &read, NULL), SPOOL_READ_RECORD);
    assert_true(same_bytes(read.payload, record.payload));
    free(payload);
    assert_true(stats_of(spool).bytes > LENGTH);
    spool_delivered(spool, read.id);
    /* Its space comes back at once: nothing else would make room. */
    spool_save(spool);
    assert_true(stats_of(spool).bytes < 4096);
    append_messages(spool, 3, 20);
    deliver(spool, 3, 20);
    spool_close(spool);
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    struct error error;
    struct spool_record record = {.kind = SPOOL_MESSAGE, .topic = {"", 65536}};
    assert_int_equal(spool_append(spool, &record, NULL, &error), SPOOL_FAILED);
    assert_non_null(strstr(error.text, "65536"));
    record = (struct spool_record){
        .kind = SPOOL_MESSAGE, .properties = {"", 200000000}, .payload = {"", 100000000}};
    assert_int_equal(spool_append(spool, &record, NULL, &error), SPOOL_FAILED);
    assert_non_null(strstr(error.text, "100000000"));
    record = (struct spool_record){.kind = 4};
    assert_int_equal(spool_append(spool, &record, NULL, &error), SPOOL_FAILED);
    assert_int_equal(spool_next_id(spool), 1);
    append_message(spool, 1);
    assert_reads(spool, 1);
    spool_close(spool);
}

static void the_oldest_message_tells_its_time(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    assert_int_equal(stats_of(spool).oldest_time, 0);
    append_messages(spool, 1, 3);
    assert_int_equal(stats_of(spool).oldest_time, 1001);
    deliver(spool, 1, 1);
    assert_reads(spool, 2);
    assert_reads(spool, 3);
    assert_int_equal(stats_of(spool).oldest_time, 2001);
    spool_rewind(spool);
    assert_int_equal(stats_of(spool).oldest_time, 2001);
    spool = reopen(spool);
    assert_int_equal(stats_of(spool).oldest_time, 2001);
    deliver(spool, 2, 3);
    assert_int_equal(stats_of(spool).oldest_time, 0);
    append_message(spool, 9);
    assert_int_equal(stats_of(spool).oldest_time, 9001);
    spool_close(spool);
}

static void assert_ledger(struct spool *spool, uint64_t received, uint64_t delivered, uint64_t dead)
{
    struct spool_ledger ledger;
    spool_get_ledger(spool, &ledger);
    assert_int_equal(ledger.received, received);
    assert_int_equal(ledger.delivered, delivered);
    assert_int_equal(ledger.dead, dead);
    assert_int_equal(ledger.spooled, received - delivered - dead);
}

static void the_ledger_counts_what_a_kill_would_leave(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 5);
    read_messages(spool, 1, 5);
    spool_delivered(spool, 1);
    spool_dead(spool, 3);
    spool_delivered(spool, 5);
    assert_ledger(spool, 5, 0, 0); /* nothing is saved */
    spool_save(spool);
    assert_ledger(spool, 5, 1, 0); /* the second is not delivered */
    spool_delivered(spool, 2);
    spool_save(spool);
    assert_ledger(spool, 5, 2, 1);
    append_message(spool, 6);
    assert_ledger(spool, 6, 2, 1);
    spool = reopen(spool);
    assert_ledger(spool, 6, 2, 1);
    spool_close(spool);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_folder, teardown_folder)
    const struct CMUnitTest tests[] = {
        TEST(what_is_appended_is_read),
        TEST(what_is_delivered_is_not_read_after_a_restart),
        TEST(deliveries_may_come_in_any_order),
        TEST(deliveries_above_the_position_do_not_outlive_a_restart),
        TEST(a_rewind_reads_again_what_is_not_delivered),
        TEST(rewinding_often_in_a_long_segment_keeps_its_place),
        TEST(the_position_may_run_ahead_of_reading_after_a_rewind),
        TEST(a_full_window_stops_reading),
        TEST(segments_follow_and_go),
        TEST(a_spool_without_segments_is_refused_and_repaired),
        TEST(records_that_are_not_messages_are_passed_over),
        TEST(advancing_delivers_whatever_was_read),
        TEST(the_bound_holds),
        TEST(the_files_exceed_the_bound_by_one_record_at_most),
        TEST(a_record_beyond_the_bound_is_taken_alone),
        TEST(what_is_too_long_is_refused),
        TEST(the_oldest_message_tells_its_time),
        TEST(the_ledger_counts_what_a_kill_would_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
