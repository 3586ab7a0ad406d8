/* Latency from the publisher to a Kafka consumer: reads COUNT records of mqtt_load from the end of TOPIC and
 * compares the time in each, "sent", with that of its arrival here. Prints when it is ready (to stderr), then
 * the percentiles in ms. The first tenth of the records warms up and does not count. */
#include "bench.h"
#include "kafka_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rd_kafka_t *open_consumer(const char *brokers, const char *topic)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bench_set(conf, "bootstrap.servers", brokers);
    bench_set(conf, "group.id", "bench-latency");
    bench_set(conf, "enable.auto.commit", "false");
    bench_set(conf, "isolation.level", "read_committed");
    bench_set(conf, "enable.partition.eof", "true");
    bench_set(conf, "fetch.wait.max.ms", "100");
    rd_kafka_t *rk = bench_open(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_END;
    if (rd_kafka_assign(rk, list))
        bench_fail("cannot assign %s", topic);
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

static int64_t sent_at(const rd_kafka_message_t *message)
{
    char text[64];
    long long sent;
    size_t length = message->len < sizeof text - 1 ? message->len : sizeof text - 1;
    memcpy(text, message->payload, length);
    text[length] = '\0';
    if (sscanf(text, "{\"sent\":%lld", &sent) != 1)
        bench_fail("a record that mqtt_load did not make: %s", text);
    return sent;
}

int main(int argc, char **argv)
{
    enum { PATIENCE_MS = 60000 };
    bench_usage(argc, argv, 3, "BROKERS TOPIC COUNT");
    long count = bench_number(argv[3]), got = 0;
    int64_t *latencies = calloc((size_t)count, sizeof *latencies);
    rd_kafka_t *rk = open_consumer(argv[1], argv[2]);
    if (!latencies)
        bench_fail("out of memory");
    while (got < count) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, PATIENCE_MS);
        int64_t now = bench_realtime();
        if (!message)
            bench_fail("%ld of %ld records", got, count);
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && got == 0)
            fprintf(stderr, "ready\n");
        else if (!message->err)
            latencies[got++] = now - sent_at(message);
        rd_kafka_message_destroy(message);
    }
    bench_percentiles(latencies, count);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    free(latencies);
    return 0;
}
