#include "mqtt_client.h"

#include "bench.h"

#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>

static void on_lost(void *context, char *cause)
{
    (void)context;
    bench_fail("connection lost: %s", cause ? cause : "");
}

MQTTAsync bench_client(const char *host, const char *port, const char *id, long buffered,
                       MQTTAsync_messageArrived *arrived, void *context)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    MQTTAsync client;
    char uri[256];
    snprintf(uri, sizeof uri, "tcp://%s:%s", host, port);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    if (buffered > 0)
        options.maxBufferedMessages = (int)buffered;
    if (MQTTAsync_createWithOptions(&client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options) !=
        MQTTASYNC_SUCCESS)
        bench_fail("cannot make a client");
    MQTTAsync_setCallbacks(client, context, on_lost, arrived, NULL);
    return client;
}

/* lib/mqtt/paho_guard.h, only in programs with Paho linked in: the guard must know the expected protocol. */
extern void paho_guard_connect(bool mqtt5) __attribute__((weak));

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    sem_post(context);
}

static void on_connection_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    bench_fail("cannot connect: %d", data->code);
}

void bench_connect(MQTTAsync client, MQTTAsync_connectOptions *options)
{
    sem_t connected;
    sem_init(&connected, 0, 0);
    if (paho_guard_connect)
        paho_guard_connect(true);
    options->context = &connected;
    options->onSuccess5 = on_connected;
    options->onFailure5 = on_connection_failed;
    if (MQTTAsync_connect(client, options) != MQTTASYNC_SUCCESS)
        bench_fail("cannot begin to connect");
    bench_await(&connected, "the connection");
}
