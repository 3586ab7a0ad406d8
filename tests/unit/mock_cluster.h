/* librdkafka's mock cluster: one broker in this process, with the topic "t" of one partition, which fails
 * requests on demand. */
#ifndef ROOMSTREAM_TESTS_UNIT_MOCK_CLUSTER_H
#define ROOMSTREAM_TESTS_UNIT_MOCK_CLUSTER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after what it needs */

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/* Kafka's API keys. */
enum {
    PRODUCE = 0,
    METADATA = 3,
    OFFSET_FETCH = 9,
    SYNC_GROUP = 14,
    INIT_PRODUCER_ID = 22,
    ADD_PARTITIONS = 24,
    ADD_OFFSETS = 25,
    END_TXN = 26,
    TXN_OFFSET_COMMIT = 28
};

enum { MOCK_BROKER = 1 };

struct mock_cluster {
    rd_kafka_t *rk; /* holds the cluster */
    rd_kafka_mock_cluster_t *cluster;
    const char *brokers;
};

static inline void mock_cluster_open(struct mock_cluster *m)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    assert_non_null(m->rk);
    m->cluster = rd_kafka_mock_cluster_new(m->rk, 1);
    assert_non_null(m->cluster);
    rd_kafka_mock_topic_create(m->cluster, "t", 1, 1);
    m->brokers = rd_kafka_mock_cluster_bootstraps(m->cluster);
}

static inline void mock_cluster_close(struct mock_cluster *m)
{
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
}

/* The next requests of this kind fail. */
static inline void mock_cluster_fail(struct mock_cluster *m, int16_t key, rd_kafka_resp_err_t err,
                                     size_t times)
{
    enum { MOST = 1000 };
    rd_kafka_resp_err_t errors[MOST];
    assert_true(times <= MOST);
    for (size_t i = 0; i < times; i++)
        errors[i] = err;
    rd_kafka_mock_push_request_errors_array(m->cluster, key, times, errors);
}

#endif
