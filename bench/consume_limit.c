/* What librdkafka can consume at best: COUNT records of a topic's partition, each dropped at once. The time
 * is from the first one to the last. */
#include "bench.h"
#include "kafka_client.h"

int main(int argc, char **argv)
{
    enum { PATIENCE_MS = 60000 };
    bench_usage(argc, argv, 3, "BROKERS TOPIC COUNT");
    long count = bench_number(argv[3]);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bench_set(conf, "bootstrap.servers", argv[1]);
    bench_set(conf, "group.id", "bench-limit");
    bench_set(conf, "enable.auto.commit", "false");
    rd_kafka_t *rk = bench_open(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, argv[2], 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (rd_kafka_assign(rk, list))
        bench_fail("cannot assign %s", argv[2]);
    int64_t start = 0;
    for (long got = 0; got < count;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, PATIENCE_MS);
        if (!message)
            bench_fail("%ld of %ld records", got, count);
        if (!message->err && got++ == 0)
            start = bench_now();
        rd_kafka_message_destroy(message);
    }
    bench_result((uint64_t)count, bench_now() - start, bench_cpu());
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}
