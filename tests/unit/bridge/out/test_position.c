/* Asking Kafka for the position, against librdkafka's mock cluster, which keeps none for those who ask for
 * all: tests/flow/test_routes.py finds and moves real ones. */
#include "mock_cluster.h"
#include "spool_fixture.h"

#include "bridge/out/position.h"

static struct mock_cluster mock;
static struct property properties[] = {{.name = "socket.timeout.ms", .value = "1000", .origin = "test"}};
static struct kafka_settings settings;

static int begin(void **state)
{
    (void)state;
    log_nothing();
    mock_cluster_open(&mock);
    settings = (struct kafka_settings){.brokers = mock.brokers, .properties = {properties, 1}};
    return 0;
}

static int end(void **state)
{
    (void)state;
    mock_cluster_close(&mock);
    return 0;
}

static struct kept_position position;
static struct error error;

static bool ask(void)
{
    return position_ask(&settings, "g", "own", &position, &error);
}

static void test_none(void **state)
{
    (void)state;
    assert_true(ask());
    assert_int_equal(position.kind, POSITION_NONE);
}

static void test_an_unknown_group_has_none(void **state)
{
    (void)state;
    mock_cluster_fail(&mock, OFFSET_FETCH, RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND, 1);
    assert_true(ask());
    assert_int_equal(position.kind, POSITION_NONE);
}

static void test_refused(void **state)
{
    (void)state;
    mock_cluster_fail(&mock, OFFSET_FETCH, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1);
    assert_false(ask());
    assert_non_null(strstr(error.text, "authoriz"));
}

static void test_no_answer(void **state)
{
    (void)state;
    rd_kafka_mock_broker_set_down(mock.cluster, MOCK_BROKER);
    assert_false(ask());
    assert_non_null(strstr(error.text, "imed out"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_none),
        TEST(test_an_unknown_group_has_none),
        TEST(test_refused),
        TEST(test_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
