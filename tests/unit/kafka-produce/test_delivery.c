/* kafka-produce: messages in flight, against librdkafka's mock cluster, which fails requests on demand. */
#include "core_fixture.h"
#include "mock_cluster.h"

#include "core/clock.h"
#include "kafka-produce/delivery.h"

static const int64_t limit = 20 * SECOND;

struct fixture {
    struct mock_cluster mock;
    struct produce_settings settings;
    struct delivery delivery;
};

static int begin(void **state)
{
    static struct fixture f;
    struct error error;
    f = (struct fixture){0};
    *state = &f;
    mock_cluster_open(&f.mock);
    f.settings = (struct produce_settings){
        .kafka = {.brokers = f.mock.brokers},
        .topic = {.name = "t"},
        .partition = -1,
    };
    assert_true(delivery_open(&f.delivery, &f.settings, &error));
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    delivery_close(&f->delivery);
    mock_cluster_close(&f->mock);
    return 0;
}

/* Waits until the line has its outcome. */
static void deliver(struct fixture *f, uint64_t line)
{
    struct delivery *d = &f->delivery;
    struct message message = {.value = "value", .value_length = 5};
    int64_t deadline = clock_monotonic() + limit;
    while (!delivery_send(d, line, &message)) {
        assert_true(clock_monotonic() < deadline);
        delivery_poll(d, SECOND / 100);
    }
    while (d->in_flight > 0) {
        assert_true(clock_monotonic() < deadline);
        delivery_flush(d, SECOND / 10);
    }
}

/* Such an error stops the client, though not one message is to be sent again. */
static void test_goes_on_behind_a_refusal_that_is_not_the_messages(void **state)
{
    struct fixture *f = *state;
    mock_cluster_fail(&f->mock, PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1);
    deliver(f, 1);
    assert_int_equal(f->delivery.failed, 1);
    deliver(f, 2);
    assert_int_equal(f->delivery.failed, 1);
    assert_int_equal(f->delivery.delivered, 1);
}

static void test_goes_on_behind_a_message_that_is_refused(void **state)
{
    struct fixture *f = *state;
    mock_cluster_fail(&f->mock, PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD, 2);
    deliver(f, 1);
    assert_int_equal(f->delivery.failed, 1);
    deliver(f, 2);
    assert_int_equal(f->delivery.delivered, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_goes_on_behind_a_refusal_that_is_not_the_messages, begin, end),
        cmocka_unit_test_setup_teardown(test_goes_on_behind_a_message_that_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
