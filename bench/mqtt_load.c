/* A bare publishing loop on Paho with a window of its own: what the library can send at best, and the load of
 * the other measurements. Messages are JSON of SIZE bytes: {"sent":NS SINCE 1970,"seq":N,"pad":"..."}.
 *
 * With TOPICS above 1 they go to TOPIC/0, TOPIC/1 and so on in turn; otherwise to TOPIC.
 *
 * KEY becomes the user property "key" of each message, as a publisher of ours sends it; - for none.
 *
 * RATE is in messages a second, paced by absolute deadlines; 0: as fast as it goes. The time is from the
 * first message to the last acknowledgement (at QoS 0: to the last one handed over). */
#include "bench.h"
#include "mqtt_client.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SIZE_MAX_BYTES = 65536 };

struct load {
    MQTTAsync client;
    MQTTProperties properties;
    sem_t window;
};

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    (void)context;
    (void)topic_length;
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void on_sent(void *context, MQTTAsync_successData5 *data)
{
    struct load *load = context;
    (void)data;
    sem_post(&load->window);
}

static void on_send_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    bench_fail("a message is refused: %d", data->reasonCode);
}

static void wait_until(int64_t due)
{
    const struct timespec time = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static size_t make_payload(char *payload, size_t size, long seq)
{
    int length =
        snprintf(payload, size, "{\"sent\":%lld,\"seq\":%ld,\"pad\":\"", (long long)bench_realtime(), seq);
    if ((size_t)length + 2 < size)
        memset(payload + length, 'x', size - 2 - (size_t)length);
    memcpy(payload + size - 2, "\"}", 2);
    return size;
}

static void set_key(struct load *load, char *key)
{
    static char name[] = "key";
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
    property.value.data = (MQTTLenString){sizeof name - 1, name};
    property.value.value = (MQTTLenString){(int)strlen(key), key};
    if (MQTTProperties_add(&load->properties, &property) != 0)
        bench_fail("cannot make a property");
}

static void publish(struct load *load, const char *topic, int qos, const char *payload, size_t length)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = load;
    options.onSuccess5 = on_sent;
    options.onFailure5 = on_send_failed;
    options.properties = load->properties;
    sem_wait(&load->window);
    int rc = MQTTAsync_send(load->client, topic, (int)length, payload, qos, 0, &options);
    if (rc != MQTTASYNC_SUCCESS)
        bench_fail("cannot send: %d", rc);
}

int main(int argc, char **argv)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    struct load load = {0};
    char payload[SIZE_MAX_BYTES], topic[256];
    bench_usage(argc, argv, 10, "HOST PORT TOPIC QOS WINDOW COUNT RATE SIZE KEY TOPICS");
    long window = bench_number(argv[5]), count = bench_number(argv[6]), rate = bench_number(argv[7]);
    size_t size = (size_t)bench_number(argv[8]);
    long topics = bench_number(argv[10]);
    int qos = (int)bench_number(argv[4]);
    if (size < 64 || size > sizeof payload)
        bench_fail("SIZE is from 64 to %d bytes", SIZE_MAX_BYTES);
    if (strcmp(argv[9], "-") != 0)
        set_key(&load, argv[9]);
    sem_init(&load.window, 0, (unsigned)window);
    load.client = bench_client(argv[1], argv[2], "", window, on_message, &load);
    options.maxInflight = (int)window;
    bench_connect(load.client, &options);
    int64_t start = bench_now();
    for (long i = 0; i < count; i++) {
        if (rate)
            wait_until(start + (int64_t)((double)i * 1e9 / (double)rate));
        if (topics > 1)
            snprintf(topic, sizeof topic, "%s/%ld", argv[3], i % topics);
        publish(&load, topics > 1 ? topic : argv[3], qos, payload, make_payload(payload, size, i + 1));
    }
    for (long i = 0; i < window; i++)
        sem_wait(&load.window);
    bench_result((uint64_t)count, bench_now() - start, bench_cpu());
    MQTTAsync_disconnect(load.client, NULL);
    MQTTAsync_destroy(&load.client);
    MQTTProperties_free(&load.properties);
    return 0;
}
