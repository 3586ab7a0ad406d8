/* What Paho can receive at all: a subscriber that counts and does nothing else. Its session is persistent, so
 * that a backlog can wait for it: with a COUNT of 0 it only makes the session.
 *
 * The time is from the first message to the last; the CPU time from the connection to the last. */
#include "bench.h"

#include <MQTTAsync.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PATIENCE = 120 }; /* seconds for all */

struct noop {
    MQTTAsync client;
    const char *topic;
    int qos;
    uint64_t wanted, received;
    int64_t first, last, cpu;
    sem_t done;
};

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    struct noop *noop = context;
    (void)data;
    fprintf(stderr, "subscribed\n");
    if (noop->wanted == 0)
        sem_post(&noop->done);
}

static void on_subscription_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    bench_fail("subscription refused: %d", data->reasonCode);
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct noop *noop = context;
    MQTTAsync_callOptions options = MQTTAsync_callOptions_initializer;
    (void)data;
    options.context = noop;
    options.onSuccess5 = on_subscribed;
    options.onFailure5 = on_subscription_failed;
    MQTTAsync_subscribe(noop->client, noop->topic, noop->qos, &options);
}

static void on_connection_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    bench_fail("cannot connect: %d", data->code);
}

static void on_lost(void *context, char *cause)
{
    (void)context;
    bench_fail("connection lost: %s", cause ? cause : "");
}

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    struct noop *noop = context;
    (void)topic_length;
    if (noop->received++ == 0)
        noop->first = bench_now();
    if (noop->received == noop->wanted) {
        noop->last = bench_now();
        noop->cpu = bench_cpu();
        sem_post(&noop->done);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void connect_session(struct noop *noop, long receive_maximum)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = 3600};
    MQTTProperty maximum = {.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM};
    maximum.value.integer2 = (unsigned short)receive_maximum;
    MQTTProperties_add(&properties, &expiry);
    MQTTProperties_add(&properties, &maximum);
    options.cleanstart = 0;
    options.connectProperties = &properties;
    options.context = noop;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_connection_failed;
    if (MQTTAsync_connect(noop->client, &options) != MQTTASYNC_SUCCESS)
        bench_fail("cannot begin to connect");
    MQTTProperties_free(&properties);
}

static void on_disconnected(void *context, MQTTAsync_successData5 *data)
{
    struct noop *noop = context;
    (void)data;
    sem_post(&noop->done);
}

static void wait_for(struct noop *noop)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE;
    if (sem_timedwait(&noop->done, &limit) != 0)
        bench_fail("%llu of %llu messages within %d s", (unsigned long long)noop->received,
                   (unsigned long long)noop->wanted, PATIENCE);
}

int main(int argc, char **argv)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    MQTTAsync_disconnectOptions goodbye = MQTTAsync_disconnectOptions_initializer5;
    struct noop noop = {0};
    char uri[256];
    bench_usage(argc, argv, 7, "HOST PORT CLIENT-ID TOPIC QOS RECEIVE-MAXIMUM COUNT");
    noop.topic = argv[4];
    noop.qos = (int)bench_number(argv[5]);
    noop.wanted = (uint64_t)bench_number(argv[7]);
    sem_init(&noop.done, 0, 0);
    snprintf(uri, sizeof uri, "tcp://%s:%s", argv[1], argv[2]);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    if (MQTTAsync_createWithOptions(&noop.client, uri, argv[3], MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &options) != MQTTASYNC_SUCCESS)
        bench_fail("cannot make a client");
    MQTTAsync_setCallbacks(noop.client, &noop, on_lost, on_message, NULL);
    connect_session(&noop, bench_number(argv[6]));
    wait_for(&noop);
    goodbye.context = &noop;
    goodbye.onSuccess5 = on_disconnected;
    /* The last acknowledgements go out before it. */
    if (MQTTAsync_disconnect(noop.client, &goodbye) == MQTTASYNC_SUCCESS)
        wait_for(&noop);
    MQTTAsync_destroy(&noop.client);
    if (noop.wanted)
        bench_result(noop.received, noop.last - noop.first, noop.cpu);
    return 0;
}
