/* What delivery does when Kafka refuses, in the mode at-least-once, against librdkafka's mock cluster. */
#include "delivery_fixture.h"

#include "bridge/out/forwarder.h"
#include "core/stop.h"

static int begin(void **state)
{
    return begin_delivery(state, AT_LEAST_ONCE, false);
}

static uint64_t dead(struct fixture *f)
{
    return stats_of(f->spool).dead;
}

static void test_delivers_and_counts(void **state)
{
    struct fixture *f = *state;
    deliver_some(f);
    deliver_some(f);
    assert_int_equal(dead(f), 0);
    assert_string_equal(f->delivery->told.text, "");
    uint64_t buckets[HISTOGRAM_BUCKETS], count = 0;
    histogram_read(&f->counters.latency, buckets);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        count += buckets[i];
    assert_int_equal(count, f->appended);
    assert_true(atomic_load(&f->counters.delivered_bytes) > 0);
    assert_int_equal(stats_of(f->spool).position, f->appended + 1);
}

/* ---- the end ---- */

static void test_what_is_in_flight_at_the_end_is_waited_for(void **state)
{
    struct fixture *f = *state;
    deliver_some(f);
    rd_kafka_mock_broker_push_request_error_rtts(f->mock.cluster, MOCK_BROKER, PRODUCE, (size_t)1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 300);
    append_message(f->spool, ++f->appended);
    f->last = f->delivery->way->pass(f->delivery);
    assert_int_equal(f->last.in_flight, 1);
    delivery_finish(f->delivery, 1 * MILLISECOND);
    assert_int_equal(stats_of(f->spool).spooled, 1);
    delivery_finish(f->delivery, 10 * SECOND);
    assert_int_equal(stats_of(f->spool).delivered, f->appended);
}

/* Until all is delivered, and the forwarder has made that many steps. */
static void wait_for_forwarder(struct fixture *f, uint64_t delivered, const struct forwarder *forwarder,
                               uint64_t beat)
{
    int64_t limit = clock_monotonic() + 30 * SECOND;
    while (stats_of(f->spool).delivered < delivered || forwarder_beat(forwarder) < beat)
        if (stop_wait(MILLISECOND) || clock_monotonic() > limit)
            fail_msg("the forwarder does not move");
}

static void test_a_forwarder_that_is_out_of_time_waits_for_what_is_in_flight(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct forwarder *forwarder = forwarder_open(&f->settings, f->spool, f->letters, &f->counters, &error);
    assert_non_null(forwarder);
    append_some(f);
    wait_for_forwarder(f, f->appended, forwarder, 0);
    rd_kafka_mock_broker_push_request_error_rtts(f->mock.cluster, MOCK_BROKER, PRODUCE, (size_t)1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 300);
    append_message(f->spool, ++f->appended);
    wait_for_forwarder(f, 0, forwarder, forwarder_beat(forwarder) + 3); /* by then it is handed over */
    forwarder_stop(forwarder, 0);
    assert_int_equal(stats_of(f->spool).delivered, f->appended);
    forwarder_close(forwarder);
}

/* ---- what may succeed later ---- */

static bool has_failed(struct fixture *f)
{
    return f->last.wait > 0;
}

static void test_a_failure_loses_nothing_and_is_told_until_it_is_over(void **state)
{
    struct fixture *f = *state;
    char trouble[COUNTERS_TROUBLE_SIZE];
    deliver_some(f);
    mock_cluster_fail(&f->mock, PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1);
    append_some(f);
    pass_until(f, has_failed);
    counters_get_trouble(&f->counters, trouble);
    assert_non_null(strstr(trouble, "Kafka does not take messages for 't' now"));
    assert_true(stats_of(f->spool).spooled > 0);
    pass_until(f, is_empty);
    assert_int_equal(stats_of(f->spool).delivered, f->appended);
    assert_int_equal(dead(f), 0);
    counters_get_trouble(&f->counters, trouble);
    assert_string_equal(trouble, "");
}

/* ---- what never succeeds ---- */

/* When a batch is refused, nobody knows for which record. Each is sent alone then, and only the one that is
 * refused again is not delivered. */
static void test_the_record_at_fault_is_found_and_becomes_a_dead_letter(void **state)
{
    struct fixture *f = *state;
    deliver_some(f);
    mock_cluster_fail(&f->mock, PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD, 2);
    append_some(f);
    pass_until(f, is_empty);
    assert_int_equal(dead(f), 1);
    assert_int_equal(stats_of(f->spool).delivered, f->appended - 1);
    assert_int_equal(dead_letters_count(f->letters), 1);
    append_some(f);
    pass_until(f, is_empty);
    assert_int_equal(stats_of(f->spool).delivered, f->appended - 1);
}

static void test_a_record_with_a_reason_becomes_a_dead_letter(void **state)
{
    struct fixture *f = *state;
    struct message message;
    struct error error;
    append_some(f);
    make_message(&message, ++f->appended);
    message.record.reason = (struct spool_bytes){"it was cut", 10};
    assert_int_equal(spool_append(f->spool, &message.record, NULL, &error), SPOOL_APPENDED);
    append_some(f);
    pass_until(f, is_empty);
    assert_int_equal(dead(f), 1);
    assert_int_equal(stats_of(f->spool).delivered, f->appended - 1);
}

/* ---- timestamps ---- */

static void test_a_refused_time_of_arrival_gives_way_to_the_present(void **state)
{
    struct fixture *f = *state;
    deliver_some(f);
    assert_int_equal(f->delivery->timestamp, TIMESTAMP_ARRIVAL);
    mock_cluster_fail(&f->mock, PRODUCE, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 1);
    deliver_some(f);
    assert_int_equal(f->delivery->timestamp, TIMESTAMP_SENDING);
    mock_cluster_fail(&f->mock, PRODUCE, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 1);
    deliver_some(f);
    assert_int_equal(f->delivery->timestamp, TIMESTAMP_NONE);
    f->delivery->arrivals_again = clock_monotonic();
    deliver_some(f);
    assert_int_equal(f->delivery->timestamp, TIMESTAMP_ARRIVAL);
    assert_int_equal(dead(f), 0);
}

/* ---- the producer ---- */

static void test_another_producer_delivers_what_the_last_one_had(void **state)
{
    struct fixture *f = *state;
    deliver_some(f);
    append_some(f);
    delivery_replace(f->delivery, "the test says so");
    pass_until(f, is_empty);
    assert_int_equal(replaced(f), 1);
    assert_int_equal(stats_of(f->spool).delivered, f->appended);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_delivery)
    const struct CMUnitTest tests[] = {
        TEST(test_delivers_and_counts),
        TEST(test_what_is_in_flight_at_the_end_is_waited_for),
        TEST(test_a_forwarder_that_is_out_of_time_waits_for_what_is_in_flight),
        TEST(test_a_failure_loses_nothing_and_is_told_until_it_is_over),
        TEST(test_the_record_at_fault_is_found_and_becomes_a_dead_letter),
        TEST(test_a_record_with_a_reason_becomes_a_dead_letter),
        TEST(test_a_refused_time_of_arrival_gives_way_to_the_present),
        TEST(test_another_producer_delivers_what_the_last_one_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
