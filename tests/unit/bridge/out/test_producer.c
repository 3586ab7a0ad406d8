/* Records handed to librdkafka: the bounds of what is in flight, and what comes back. */
#include "mock_cluster.h"
#include "spool_fixture.h"

#include "bridge/out/producer.h"

enum { WINDOW = 4, WINDOW_BYTES = 300 };

struct fixture {
    struct mock_cluster mock;
    struct bridge_settings settings;
    struct producer *producer;
    struct destination to;
    uint64_t reported[2 * WINDOW];
    size_t count;
    rd_kafka_resp_err_t err; /* of the last report */
};

static void on_report(void *context, const struct produced *message, rd_kafka_resp_err_t err)
{
    struct fixture *f = context;
    assert_true(f->count < 2 * WINDOW);
    f->reported[f->count++] = message->id;
    f->err = err;
}

static int begin(void **state)
{
    static struct fixture f;
    static const struct kafka_property required[] = {{"enable.idempotence", "true", "the test says so"}};
    struct error error;
    f = (struct fixture){0};
    *state = &f;
    log_nothing();
    mock_cluster_open(&f.mock);
    f.settings = (struct bridge_settings){
        .kafka = {.brokers = f.mock.brokers},
        .window = WINDOW,
        .window_bytes = WINDOW_BYTES,
    };
    f.to = (struct destination){.name = "t"};
    f.producer = producer_open(&f.settings, required, 1, on_report, &f, NULL, &error);
    assert_non_null(f.producer);
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    if (f->to.topic)
        rd_kafka_topic_destroy(f->to.topic);
    producer_close(f->producer);
    mock_cluster_close(&f->mock);
    return 0;
}

static enum producer_result produce(struct fixture *f, uint64_t id, size_t length)
{
    static const char payload[2 * WINDOW_BYTES];
    struct error error;
    const struct spool_record record = {.id = id,
                                        .kind = SPOOL_MESSAGE,
                                        .time = clock_realtime(),
                                        .topic = {"a", 1},
                                        .payload = {payload, length}};
    const struct routed routed = {.to = &f->to, .key = {.bytes = {"a", 1}}};
    return producer_produce(f->producer, &record, &routed, TIMESTAMP_ARRIVAL, &error);
}

static void await_reports(struct fixture *f)
{
    int64_t limit = clock_monotonic() + 20 * SECOND;
    while (producer_in_flight(f->producer) > 0) {
        producer_flush(f->producer, SECOND / 10);
        assert_true(clock_monotonic() < limit);
    }
}

static void test_each_message_is_reported_in_order(void **state)
{
    struct fixture *f = *state;
    for (uint64_t id = 1; id <= WINDOW; id++)
        assert_int_equal(produce(f, id, 10), PRODUCER_TAKEN);
    await_reports(f);
    assert_int_equal(f->count, WINDOW);
    for (uint64_t id = 1; id <= WINDOW; id++)
        assert_int_equal(f->reported[id - 1], id);
    assert_int_equal(f->err, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void test_the_window_bounds_their_number(void **state)
{
    struct fixture *f = *state;
    for (uint64_t id = 1; id <= WINDOW; id++)
        assert_int_equal(produce(f, id, 10), PRODUCER_TAKEN);
    assert_int_equal(produce(f, WINDOW + 1, 10), PRODUCER_FULL);
    await_reports(f);
    assert_int_equal(produce(f, WINDOW + 1, 10), PRODUCER_TAKEN);
    await_reports(f);
}

static void test_the_window_bounds_their_bytes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(produce(f, 1, WINDOW_BYTES / 2), PRODUCER_TAKEN);
    assert_int_equal(produce(f, 2, WINDOW_BYTES / 2), PRODUCER_FULL);
    await_reports(f);
    assert_int_equal(produce(f, 2, 2 * WINDOW_BYTES), PRODUCER_TAKEN); /* alone: any size */
    assert_int_equal(produce(f, 3, 1), PRODUCER_FULL);
    await_reports(f);
}

static void test_a_report_tells_the_error(void **state)
{
    struct fixture *f = *state;
    mock_cluster_fail(&f->mock, PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD, 1);
    assert_int_equal(produce(f, 1, 10), PRODUCER_TAKEN);
    await_reports(f);
    assert_int_equal(f->count, 1);
    assert_int_equal(f->err, RD_KAFKA_RESP_ERR_INVALID_RECORD);
}

static void test_a_destination_knows_what_is_in_flight(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(produce(f, 1, 10), PRODUCER_TAKEN);
    assert_int_equal(produce(f, 2, 10), PRODUCER_TAKEN);
    assert_int_equal(f->to.in_flight, 2);
    await_reports(f);
    assert_int_equal(f->to.in_flight, 0);
}

static void test_another_cluster_is_noticed(void **state)
{
    struct fixture *f = *state;
    char *known = NULL;
    assert_int_equal(produce(f, 1, 10), PRODUCER_TAKEN);
    await_reports(f); /* so it has talked to the cluster */
    assert_false(producer_cluster_changed(f->producer, &known));
    assert_non_null(known);
    assert_false(producer_cluster_changed(f->producer, &known));
    *known ^= 1;
    assert_true(producer_cluster_changed(f->producer, &known));
    assert_false(producer_cluster_changed(f->producer, &known));
    free(known);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_each_message_is_reported_in_order),     TEST(test_the_window_bounds_their_number),
        TEST(test_the_window_bounds_their_bytes),         TEST(test_a_report_tells_the_error),
        TEST(test_a_destination_knows_what_is_in_flight), TEST(test_another_cluster_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
