#include "subscriber.h"

#include "bench.h"
#include "mqtt_client.h"

#include <semaphore.h>
#include <stdio.h>

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    fprintf(stderr, "subscribed\n");
    sem_post(context);
}

static void on_subscription_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    bench_fail("subscription refused: %d", data->reasonCode);
}

static void connect_session(MQTTAsync client, long receive_maximum)
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
    bench_connect(client, &options);
    MQTTProperties_free(&properties);
}

MQTTAsync bench_subscribe(const struct bench_subscription *subscription)
{
    MQTTAsync_callOptions options = MQTTAsync_callOptions_initializer;
    MQTTAsync client = bench_client(subscription->host, subscription->port, subscription->client_id, 0,
                                    subscription->arrived, subscription->context);
    sem_t done;
    connect_session(client, subscription->receive_maximum);
    sem_init(&done, 0, 0);
    options.context = &done;
    options.onSuccess5 = on_subscribed;
    options.onFailure5 = on_subscription_failed;
    if (MQTTAsync_subscribe(client, subscription->topic, subscription->qos, &options) != MQTTASYNC_SUCCESS)
        bench_fail("cannot begin to subscribe");
    bench_await(&done, "the subscription");
    return client;
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
