/* Exactly-once forwarding against librdkafka's mock cluster, which fails requests as it is told. */
#include "delivery_fixture.h"

static int begin(void **state)
{
    return begin_delivery(state, EXACTLY_ONCE, false);
}

static int begin_lingering(void **state)
{
    return begin_delivery(state, EXACTLY_ONCE, true);
}

/* ---- errors that come again and again ---- */

static void does_not_stick(struct fixture *f, int16_t key, rd_kafka_resp_err_t err)
{
    deliver_some(f);
    mock_cluster_fail(&f->mock, key, err, 1000);
    append_message(f->spool, ++f->appended);
    pass_until(f, was_replaced);
    rd_kafka_mock_clear_request_errors(f->mock.cluster, key);
    deliver_some(f);
}

#define DOES_NOT_STICK(name, key, err)                                                                       \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        does_not_stick(*state, key, err);                                                                    \
    }

DOES_NOT_STICK(partitions_of_an_expired_id, ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING)
DOES_NOT_STICK(offsets_of_an_expired_id, ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING)
DOES_NOT_STICK(position_of_an_expired_id, TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING)
DOES_NOT_STICK(end_of_an_expired_id, END_TXN, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING)
DOES_NOT_STICK(unknown_producer, ADD_OFFSETS, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID)
DOES_NOT_STICK(invalid_epoch, ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH)
DOES_NOT_STICK(invalid_state, ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE)
DOES_NOT_STICK(concurrent_transactions_for_ever, ADD_PARTITIONS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS)
DOES_NOT_STICK(no_coordinator_for_ever, END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE)
DOES_NOT_STICK(an_error_that_nobody_knows, ADD_OFFSETS, RD_KAFKA_RESP_ERR_UNKNOWN)

/* The position is on its way to Kafka when Kafka fences the producer of the records. Here librdkafka leaks
 * (see librdkafka.supp). */
static void fenced_while_the_position_is_sent(void **state)
{
    struct fixture *f = *state;
    deliver_some(f);
    rd_kafka_mock_broker_push_request_error_rtts(f->mock.cluster, MOCK_BROKER, ADD_OFFSETS, (size_t)1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 50);
    rd_kafka_mock_broker_push_request_error_rtts(f->mock.cluster, MOCK_BROKER, PRODUCE, (size_t)1,
                                                 RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 200);
    rd_kafka_mock_broker_push_request_error_rtts(f->mock.cluster, MOCK_BROKER, TXN_OFFSET_COMMIT, (size_t)1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 800);
    deliver_some(f);
    assert_int_equal(replaced(f), 1);
}

/* ---- messages that Kafka refuses ---- */

/* The delivery reports come while the commit waits for them. */
static void a_refused_batch_costs_no_producer(void **state)
{
    struct fixture *f = *state;
    deliver_some(f);
    mock_cluster_fail(&f->mock, PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
    deliver_some(f);
    assert_true(atomic_load(&f->counters.transactions_aborted) > 0);
    assert_int_equal(replaced(f), 0);
    assert_string_equal(f->delivery->told.text, "");
}

/* ---- the position ---- */

static void a_group_that_is_not_there_has_no_position(void **state)
{
    struct fixture *f = *state;
    mock_cluster_fail(&f->mock, OFFSET_FETCH, RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND, 1000);
    deliver_some(f);
    assert_string_equal(f->delivery->told.text, "");
}

/* ---- requests that arrive late ---- */

/* The cluster executes the request, but answers only after the client has given it up. */
static void replaced_after_a_late(struct fixture *f, int16_t key)
{
    deliver_some(f);
    assert_int_equal(replaced(f), 0);
    rd_kafka_mock_broker_push_request_error_rtts(f->mock.cluster, MOCK_BROKER, key, (size_t)1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 2 * SOCKET_TIMEOUT_MS);
    deliver_some(f);
    deliver_some(f);
    assert_int_equal(replaced(f), 1);
    deliver_some(f);
    assert_int_equal(replaced(f), 1);
}

#define REPLACED_AFTER_A_LATE(name, key)                                                                     \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        replaced_after_a_late(*state, key);                                                                  \
    }

REPLACED_AFTER_A_LATE(a_late_end, END_TXN)
REPLACED_AFTER_A_LATE(late_partitions, ADD_PARTITIONS)
REPLACED_AFTER_A_LATE(late_offsets, ADD_OFFSETS)
REPLACED_AFTER_A_LATE(a_late_position, TXN_OFFSET_COMMIT)
REPLACED_AFTER_A_LATE(a_late_record, PRODUCE)

static void a_lost_connection(void **state)
{
    struct fixture *f = *state;
    deliver_some(f);
    rd_kafka_mock_broker_push_request_error_rtts(f->mock.cluster, MOCK_BROKER, END_TXN, (size_t)1,
                                                 RD_KAFKA_RESP_ERR__TRANSPORT, 0);
    deliver_some(f);
    deliver_some(f);
    assert_int_equal(replaced(f), 1);
}

/* An idle connection is closed by Kafka every ten minutes. */
static void a_connection_that_closes_idle_costs_nothing(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        deliver_some(f);
        rd_kafka_mock_broker_set_down(f->mock.cluster, MOCK_BROKER);
        rd_kafka_mock_broker_set_up(f->mock.cluster, MOCK_BROKER);
    }
    deliver_some(f);
    assert_int_equal(replaced(f), 0);
    assert_int_equal(kafka_unanswered_writes(producer_unanswered(f->delivery->producer)), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_delivery)
    const struct CMUnitTest tests[] = {
        TEST(partitions_of_an_expired_id),
        TEST(offsets_of_an_expired_id),
        TEST(position_of_an_expired_id),
        TEST(end_of_an_expired_id),
        TEST(unknown_producer),
        TEST(invalid_epoch),
        TEST(invalid_state),
        TEST(concurrent_transactions_for_ever),
        TEST(no_coordinator_for_ever),
        TEST(an_error_that_nobody_knows),
        TEST(fenced_while_the_position_is_sent),
        cmocka_unit_test_setup_teardown(a_refused_batch_costs_no_producer, begin_lingering, end_delivery),
        TEST(a_group_that_is_not_there_has_no_position),
        TEST(a_late_end),
        TEST(late_partitions),
        TEST(late_offsets),
        TEST(a_late_position),
        TEST(a_late_record),
        TEST(a_lost_connection),
        TEST(a_connection_that_closes_idle_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
