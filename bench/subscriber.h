/* A Paho subscriber at MQTT 5 with a persistent session, as bare as possible. */
#ifndef ROOMSTREAM_BENCH_SUBSCRIBER_H
#define ROOMSTREAM_BENCH_SUBSCRIBER_H

#include <MQTTAsync.h>

struct bench_subscription {
    const char *host, *port, *client_id, *topic;
    int qos;
    long receive_maximum;
    /* Gets each message in Paho's thread, frees it and the topic, and returns 1. */
    MQTTAsync_messageArrived *arrived;
    void *context;
};

/* Connects and subscribes; prints "subscribed" to stderr and returns when that is done. Messages of a session
 * that is resumed may come earlier. Errors, also later ones, end the program with status 1. */
MQTTAsync bench_subscribe(const struct bench_subscription *subscription);

/* Disconnects, after the acknowledgements of what has arrived; the session stays. */
void bench_leave(MQTTAsync client);

#endif
