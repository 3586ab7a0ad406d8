/* What librdkafka can produce at best: COUNT records of SIZE bytes from memory, with the settings that the
 * bridge depends on; idempotent, or in transactions of a second each. The time is from the first record to
 * the last delivery report or commit. */
#include "bench.h"
#include "kafka_client.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long delivered;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (message->err)
        bench_fail("not delivered: %s", rd_kafka_err2str(message->err));
    delivered++;
}

static void check(rd_kafka_error_t *error)
{
    if (error)
        bench_fail("%s", rd_kafka_error_string(error));
}

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 5, "BROKERS TOPIC idempotent|transactional COUNT SIZE");
    bool transactional = strcmp(argv[3], "transactional") == 0;
    long count = bench_number(argv[4]);
    size_t size = (size_t)bench_number(argv[5]);
    char *payload = malloc(size);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!payload)
        bench_fail("out of memory");
    memset(payload, 'x', size);
    bench_set(conf, "bootstrap.servers", argv[1]);
    bench_set(conf, "enable.idempotence", "true");
    if (transactional)
        bench_set(conf, "transactional.id", "bench");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = bench_open(RD_KAFKA_PRODUCER, conf);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
    if (transactional) {
        check(rd_kafka_init_transactions(rk, 60000));
        check(rd_kafka_begin_transaction(rk));
    }
    int64_t start = bench_now(), begun = start;
    for (long i = 0; i < count; i++) {
        bench_produce(rk, topic, NULL, payload, size);
        if (i % 1000 == 0)
            rd_kafka_poll(rk, 0);
        if (transactional && i % 1000 == 0 && bench_now() - begun > 1000000000) {
            check(rd_kafka_commit_transaction(rk, 60000));
            check(rd_kafka_begin_transaction(rk));
            begun = bench_now();
        }
    }
    if (transactional)
        check(rd_kafka_commit_transaction(rk, 60000));
    rd_kafka_flush(rk, 60000);
    int64_t duration = bench_now() - start;
    if (delivered != count)
        bench_fail("%ld of %ld records delivered", delivered, count);
    bench_result((uint64_t)count, duration, bench_cpu());
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    free(payload);
    return 0;
}
