/* Puts COUNT readings into a Kafka topic, each with its node as the key. */
#include "bench.h"
#include "kafka_client.h"
#include "reading.h"

#include <string.h>

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 3, "BROKERS TOPIC COUNT");
    long count = bench_number(argv[3]);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bench_set(conf, "bootstrap.servers", argv[1]);
    bench_set(conf, "enable.idempotence", "true");
    bench_set(conf, "linger.ms", "50");
    rd_kafka_t *rk = bench_open(RD_KAFKA_PRODUCER, conf);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
    int64_t start = bench_now();
    for (long i = 0; i < count; i++) {
        struct bench_reading reading = bench_reading(i);
        char payload[BENCH_PAYLOAD_SIZE];
        bench_produce(rk, topic, reading.key, payload, bench_reading_json(&reading, payload));
        if (i % 1000 == 0)
            rd_kafka_poll(rk, 0);
    }
    if (rd_kafka_flush(rk, 120000))
        bench_fail("not all readings are in Kafka");
    bench_result((uint64_t)count, bench_now() - start, bench_cpu());
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return 0;
}
