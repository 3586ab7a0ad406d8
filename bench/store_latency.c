/* Latency from the producer to a committed row: sends COUNT readings to a Kafka topic, RATE a second, and
 * after each one asks DATABASE (see position.h) again and again until store has committed it. Prints the
 * percentiles in ms. */
#include "bench.h"
#include "kafka_client.h"
#include "position.h"
#include "reading.h"

#include <stdlib.h>
#include <unistd.h>

static const int64_t second = 1000000000;

static int64_t measure(const struct bench_position *position, rd_kafka_t *rk, rd_kafka_topic_t *topic,
                       long number)
{
    enum { PAUSE_US = 200 };
    struct bench_reading reading = bench_reading(number);
    char payload[BENCH_PAYLOAD_SIZE];
    int64_t begun = bench_now();
    bench_produce(rk, topic, reading.key, payload, bench_reading_json(&reading, payload));
    while (bench_committed(position) <= number) {
        if (bench_now() - begun > 60 * second)
            bench_fail("a reading is not there after a minute");
        usleep(PAUSE_US);
    }
    int64_t took = bench_now() - begun;
    rd_kafka_poll(rk, 0);
    return took;
}

static void wait_until(int64_t when)
{
    int64_t left = when - bench_now();
    if (left > 0)
        usleep((useconds_t)(left / 1000));
}

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 5, "DATABASE BROKERS TOPIC COUNT RATE");
    long count = bench_number(argv[4]), rate = bench_number(argv[5]);
    struct bench_position *position = bench_open_position(argv[1], argv[3]);
    int64_t *latencies = calloc((size_t)count, sizeof *latencies);
    if (!latencies)
        bench_fail("out of memory");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bench_set(conf, "bootstrap.servers", argv[2]);
    bench_set(conf, "linger.ms", "0");
    rd_kafka_t *rk = bench_open(RD_KAFKA_PRODUCER, conf);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[3], NULL);
    int64_t begun = bench_now();
    for (long i = 0; i < count; i++) {
        wait_until(begun + i * second / rate);
        latencies[i] = measure(position, rk, topic, i);
    }
    bench_percentiles(latencies, count);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    free(latencies);
    return 0;
}
