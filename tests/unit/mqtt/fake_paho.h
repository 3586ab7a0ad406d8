/* A fake Paho for the tests of a connection: by the linker's --wrap our code calls these functions. They
 * record the calls; the test answers by the callbacks that it was given. The clock is the test's too. */
#ifndef ROOMSTREAM_TESTS_UNIT_MQTT_FAKE_PAHO_H
#define ROOMSTREAM_TESTS_UNIT_MQTT_FAKE_PAHO_H

#include "core_fixture.h"

#include "core/clock.h"
#include "mqtt/internal.h"
#include "mqtt/probe.h"

#include <time.h>

enum call { CREATE, CONNECT, DISCONNECT, SUBSCRIBE, SEND, PROBE, DESTROY, CALLS };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t called;
    int calls[CALLS];
    void *context;
    MQTTAsync_connectionLost *lost;
    MQTTAsync_disconnected *closed;
    MQTTAsync_connectOptions connect;    /* the last one */
    int receive_maximum, session_expiry; /* of the last CONNECT's and DISCONNECT's properties; -1: none */
    int disconnect_reason;
    MQTTAsync_responseOptions subscribe, send; /* the last ones */
    enum mqtt_probe_result probe_result;
    int64_t later; /* ns: what the test's clock is ahead */
} paho = {.mutex = PTHREAD_MUTEX_INITIALIZER, .called = PTHREAD_COND_INITIALIZER};

static void note(enum call call)
{
    pthread_mutex_lock(&paho.mutex);
    paho.calls[call]++;
    pthread_cond_broadcast(&paho.called);
    pthread_mutex_unlock(&paho.mutex);
}

/* ---- for tests ---- */

static int calls(enum call call)
{
    pthread_mutex_lock(&paho.mutex);
    int count = paho.calls[call];
    pthread_mutex_unlock(&paho.mutex);
    return count;
}

/* Waits until that many calls were made in all, some seconds at most. */
static void await(enum call call, int count)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 10;
    pthread_mutex_lock(&paho.mutex);
    while (paho.calls[call] < count && pthread_cond_timedwait(&paho.called, &paho.mutex, &limit) == 0)
        continue;
    int there = paho.calls[call];
    pthread_mutex_unlock(&paho.mutex);
    if (there != count)
        fail_msg("%d calls of kind %d, not %d", there, (int)call, count);
}

/* Lets time pass. */
static void pass(struct mqtt_connection *c, int64_t time)
{
    pthread_mutex_lock(&c->mutex);
    pthread_mutex_lock(&paho.mutex);
    paho.later += time;
    pthread_mutex_unlock(&paho.mutex);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
}

static MQTTProperties number(enum MQTTPropertyCodes code, int value)
{
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty property = {.identifier = code};
    if (MQTTProperty_getType(code) == MQTTPROPERTY_TYPE_BYTE)
        property.value.byte = (unsigned char)value;
    else
        property.value.integer2 = (uint16_t)value;
    MQTTProperties_add(&properties, &property);
    return properties;
}

/* A CONNACK that accepts, with a property that the test frees, or NULL. */
static void accept_connection(bool session_present, const MQTTProperties *properties)
{
    MQTTAsync_successData5 five = MQTTAsync_successData5_initializer;
    MQTTAsync_successData three = {0};
    five.alt.connect.sessionPresent = three.alt.connect.sessionPresent = session_present;
    if (properties)
        five.properties = *properties;
    if (paho.connect.onSuccess5)
        paho.connect.onSuccess5(paho.connect.context, &five);
    else
        paho.connect.onSuccess(paho.connect.context, &three);
}

/* A CONNACK that refuses; 0: there is no CONNACK. */
static void refuse_connection(int reason)
{
    MQTTAsync_failureData5 data = MQTTAsync_failureData5_initializer;
    data.reasonCode = (enum MQTTReasonCodes)reason;
    data.code = reason ? 0 : MQTTASYNC_FAILURE;
    paho.connect.onFailure5(paho.connect.context, &data);
}

static void lose_connection(void)
{
    char why[] = "as the test says";
    paho.lost(paho.context, why);
}

/* A SUBACK: the QoS that is granted, or a reason. */
static void answer_subscription(int code)
{
    MQTTAsync_successData5 granted = MQTTAsync_successData5_initializer;
    MQTTAsync_failureData5 refused = MQTTAsync_failureData5_initializer;
    granted.alt.sub.reasonCodeCount = 1;
    granted.reasonCode = refused.reasonCode = (enum MQTTReasonCodes)code;
    if (code < 0x80)
        paho.subscribe.onSuccess5(paho.subscribe.context, &granted);
    else
        paho.subscribe.onFailure5(paho.subscribe.context, &refused);
}

/* ---- what our code calls ---- */

int64_t __wrap_clock_monotonic(void);
int64_t __wrap_clock_monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&paho.mutex);
    int64_t time = now.tv_sec * SECOND + now.tv_nsec + paho.later;
    pthread_mutex_unlock(&paho.mutex);
    return time;
}

/* ThreadSanitizer of gcc 12 does not know the real one, so it would not notice that the thread has ended. */
int __wrap_pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock,
                                const struct timespec *limit);
int __wrap_pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock,
                                const struct timespec *limit)
{
    (void)clock, (void)limit;
    return pthread_join(thread, result);
}

int __wrap_MQTTAsync_createWithOptions(MQTTAsync *client, const char *uri, const char *id, int persistence,
                                       void *store, MQTTAsync_createOptions *options);
int __wrap_MQTTAsync_createWithOptions(MQTTAsync *client, const char *uri, const char *id, int persistence,
                                       void *store, MQTTAsync_createOptions *options)
{
    (void)uri, (void)id, (void)persistence, (void)store, (void)options;
    *client = &paho;
    note(CREATE);
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_setCallbacks(MQTTAsync client, void *context, MQTTAsync_connectionLost *lost,
                                  MQTTAsync_messageArrived *message, MQTTAsync_deliveryComplete *complete);
int __wrap_MQTTAsync_setCallbacks(MQTTAsync client, void *context, MQTTAsync_connectionLost *lost,
                                  MQTTAsync_messageArrived *message, MQTTAsync_deliveryComplete *complete)
{
    (void)client, (void)message, (void)complete;
    paho.context = context;
    paho.lost = lost;
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_setDisconnected(MQTTAsync client, void *context, MQTTAsync_disconnected *closed);
int __wrap_MQTTAsync_setDisconnected(MQTTAsync client, void *context, MQTTAsync_disconnected *closed)
{
    (void)client, (void)context;
    paho.closed = closed;
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_connect(MQTTAsync client, const MQTTAsync_connectOptions *options);
int __wrap_MQTTAsync_connect(MQTTAsync client, const MQTTAsync_connectOptions *options)
{
    (void)client;
    paho.connect = *options;
    MQTTProperties *properties = options->connectProperties;
    bool there = properties && MQTTProperties_hasProperty(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    paho.receive_maximum =
        there ? (int)MQTTProperties_getNumericValue(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM) : -1;
    note(CONNECT);
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_disconnect(MQTTAsync client, const MQTTAsync_disconnectOptions *options);
int __wrap_MQTTAsync_disconnect(MQTTAsync client, const MQTTAsync_disconnectOptions *options)
{
    MQTTProperties *properties = (MQTTProperties *)&options->properties;
    (void)client;
    paho.disconnect_reason = (int)options->reasonCode;
    paho.session_expiry = -1;
    if (MQTTProperties_hasProperty(properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL))
        paho.session_expiry =
            (int)MQTTProperties_getNumericValue(properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL);
    note(DISCONNECT);
    if (options->onSuccess5)
        options->onSuccess5(options->context, NULL);
    if (options->onSuccess)
        options->onSuccess(options->context, NULL);
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_subscribe(MQTTAsync client, const char *filter, int qos,
                               MQTTAsync_responseOptions *options);
int __wrap_MQTTAsync_subscribe(MQTTAsync client, const char *filter, int qos,
                               MQTTAsync_responseOptions *options)
{
    (void)client, (void)filter, (void)qos;
    paho.subscribe = *options;
    note(SUBSCRIBE);
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_send(MQTTAsync client, const char *topic, int length, const void *payload, int qos,
                          int retained, MQTTAsync_responseOptions *options);
int __wrap_MQTTAsync_send(MQTTAsync client, const char *topic, int length, const void *payload, int qos,
                          int retained, MQTTAsync_responseOptions *options)
{
    (void)client, (void)topic, (void)length, (void)payload, (void)qos, (void)retained;
    paho.send = *options;
    note(SEND);
    return MQTTASYNC_SUCCESS;
}

void __wrap_MQTTAsync_destroy(MQTTAsync *client);
void __wrap_MQTTAsync_destroy(MQTTAsync *client)
{
    *client = NULL;
    note(DESTROY);
}

enum mqtt_probe_result __wrap_mqtt_probe(const struct mqtt_settings *settings, const char *key_password,
                                         const char *address, int cancel, struct error *why);
enum mqtt_probe_result __wrap_mqtt_probe(const struct mqtt_settings *settings, const char *key_password,
                                         const char *address, int cancel, struct error *why)
{
    (void)settings, (void)key_password, (void)address, (void)cancel;
    error_set(why, "as the test says");
    note(PROBE);
    return paho.probe_result;
}

#endif
