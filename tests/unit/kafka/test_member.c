#include "mock_cluster.h"

#include "core/clock.h"
#include "kafka/member.h"

#include <stdlib.h>
#include <string.h>

static rd_kafka_t *new_member(const struct mock_cluster *mock)
{
    static const char *const properties[][2] = {
        {"group.id", "g"}, {"partition.assignment.strategy", "cooperative-sticky"}, {"log_level", "0"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        rd_kafka_conf_set(conf, properties[i][0], properties[i][1], NULL, 0);
    rd_kafka_conf_set(conf, "bootstrap.servers", mock->brokers, NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    assert_non_null(rk);
    return rk;
}

static bool has_joined(rd_kafka_t *rk)
{
    char *id = rd_kafka_memberid(rk);
    bool joined = id && *id;
    rd_kafka_mem_free(rk, id);
    return joined;
}

/* It has joined, and waits for its partitions. librdkafka 2.0.2 aborts when the client is destroyed then. */
static void test_member_without_assignment(void **state)
{
    struct mock_cluster mock;
    (void)state;
    mock_cluster_open(&mock);
    rd_kafka_mock_broker_push_request_error_rtts(mock.cluster, MOCK_BROKER, SYNC_GROUP, (size_t)1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 60000);
    rd_kafka_t *rk = new_member(&mock);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, "t", RD_KAFKA_PARTITION_UA);
    assert_int_equal(rd_kafka_subscribe(rk, topics), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(topics);
    for (int64_t limit = clock_monotonic() + 30 * SECOND; !has_joined(rk);) {
        assert_true(clock_monotonic() < limit);
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 10);
        if (message)
            rd_kafka_message_destroy(message);
    }
    assert_int_equal(kafka_member_destroy(rk, false), rd_kafka_version() >= 0x02030000);
    mock_cluster_close(&mock);
}

static void test_member_with_assignment(void **state)
{
    struct mock_cluster mock;
    (void)state;
    mock_cluster_open(&mock);
    assert_true(kafka_member_destroy(new_member(&mock), true));
    mock_cluster_close(&mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member_with_assignment),
        cmocka_unit_test(test_member_without_assignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
