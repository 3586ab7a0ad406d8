#include "subscriber.h"

#include "bench.h"

#include <semaphore.h>
#include <stdio.h>

struct attempt {
    const struct bench_subscription *subscription;
    MQTTAsync client;
    sem_t done;
};

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    struct attempt *attempt = context;
    (void)data;
    fprintf(stderr, "subscribed\n");
    sem_post(&attempt->done);
}

static void on_subscription_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    bench_fail("subscription refused: %d", data->reasonCode);
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct attempt *attempt = context;
    const struct bench_subscription *subscription = attempt->subscription;
    MQTTAsync_callOptions options = MQTTAsync_callOptions_initializer;
    (void)data;
    options.context = attempt;
    options.onSuccess5 = on_subscribed;
    options.onFailure5 = on_subscription_failed;
    if (MQTTAsync_subscribe(attempt->client, subscription->topic, subscription->qos, &options) !=
        MQTTASYNC_SUCCESS)
        bench_fail("cannot begin to subscribe");
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

static void begin_to_connect(struct attempt *attempt)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = 3600};
    MQTTProperty maximum = {.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM};
    maximum.value.integer2 = (unsigned short)attempt->subscription->receive_maximum;
    MQTTProperties_add(&properties, &expiry);
    MQTTProperties_add(&properties, &maximum);
    options.cleanstart = 0;
    options.connectProperties = &properties;
    options.context = attempt;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_connection_failed;
    if (MQTTAsync_connect(attempt->client, &options) != MQTTASYNC_SUCCESS)
        bench_fail("cannot begin to connect");
    MQTTProperties_free(&properties);
}

MQTTAsync bench_subscribe(const struct bench_subscription *subscription)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    struct attempt attempt = {.subscription = subscription};
    char uri[256];
    sem_init(&attempt.done, 0, 0);
    snprintf(uri, sizeof uri, "tcp://%s:%s", subscription->host, subscription->port);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    if (MQTTAsync_createWithOptions(&attempt.client, uri, subscription->client_id,
                                    MQTTCLIENT_PERSISTENCE_NONE, NULL, &options) != MQTTASYNC_SUCCESS)
        bench_fail("cannot make a client");
    MQTTAsync_setCallbacks(attempt.client, subscription->context, on_lost, subscription->arrived, NULL);
    begin_to_connect(&attempt);
    bench_await(&attempt.done, "the subscription");
    return attempt.client;
}

static void on_disconnected(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    sem_post(context);
}

void bench_leave(MQTTAsync client)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    sem_t done;
    sem_init(&done, 0, 0);
    options.context = &done;
    options.onSuccess5 = on_disconnected;
    if (MQTTAsync_disconnect(client, &options) == MQTTASYNC_SUCCESS)
        bench_await(&done, "the end of the connection");
    MQTTAsync_destroy(&client);
}
