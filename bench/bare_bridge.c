/* What a bridge of these two libraries can do at best: librdkafka produces each message that Paho hands over
 * at once, and it is acknowledged to MQTT whatever happens to it. Nothing is stored, so a kill or an outage
 * of Kafka loses messages. What roomstream's bridge costs more is the price of its promise.
 *
 * It stops after COUNT delivery reports. */
#include "bench.h"
#include "kafka_client.h"
#include "subscriber.h"

#include <stdatomic.h>

struct bridge {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    long wanted;
    atomic_long delivered; /* reports may be served in Paho's thread, too */
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct bridge *bridge = opaque;
    (void)rk;
    if (message->err)
        bench_fail("not delivered: %s", rd_kafka_err2str(message->err));
    bridge->delivered++;
}

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    struct bridge *bridge = context;
    (void)topic_length;
    bench_produce(bridge->rk, bridge->topic, NULL, message->payload, (size_t)message->payloadlen);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 6, "HOST PORT CLIENT-ID TOPIC BROKERS COUNT");
    struct bridge bridge = {.wanted = bench_number(argv[6])};
    const struct bench_subscription subscription = {
        .host = argv[1],
        .port = argv[2],
        .client_id = argv[3],
        .topic = argv[4],
        .qos = 1,
        .receive_maximum = 1000,
        .arrived = on_message,
        .context = &bridge,
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bench_set(conf, "bootstrap.servers", argv[5]);
    bench_set(conf, "enable.idempotence", "true");
    bench_set(conf, "linger.ms", "0");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, &bridge);
    bridge.rk = bench_open(RD_KAFKA_PRODUCER, conf);
    bridge.topic = rd_kafka_topic_new(bridge.rk, argv[4], NULL);
    MQTTAsync client = bench_subscribe(&subscription);
    while (bridge.delivered < bridge.wanted)
        rd_kafka_poll(bridge.rk, 1000);
    bench_leave(client);
    rd_kafka_topic_destroy(bridge.topic);
    rd_kafka_destroy(bridge.rk);
    return 0;
}
