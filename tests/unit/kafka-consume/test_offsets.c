/* Looking up offsets, of a cluster in this process. */
#include "mock_cluster.h"

#include "kafka-consume/offsets.h"

static const int64_t some_time = 1700000000000; /* the mock cluster has no message since then, nor before */

static rd_kafka_t *open_consumer(const struct mock_cluster *mock)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", mock->brokers, NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    assert_non_null(rk);
    return rk;
}

/* Where there is no message of the time, it is the end at that moment, which a later message does not move.
 */
static void no_message_of_the_time_is_an_offset(void **state)
{
    (void)state;
    struct mock_cluster mock;
    struct error error;
    mock_cluster_open(&mock);
    rd_kafka_t *rk = open_consumer(&mock);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "t", 0);
    bool found = false;
    for (int i = 0; i < 20 && !found; i++) /* until it knows the leader */
        found = offsets_look_up(rk, list, some_time, &error);
    assert_true(found);
    assert_int_equal(list->elems[0].offset, 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    mock_cluster_close(&mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_message_of_the_time_is_an_offset)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
