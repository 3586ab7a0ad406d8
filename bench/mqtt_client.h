/* Paho clients at MQTT 5, as bare as possible. Errors, also later ones, end the program with status 1. */
#ifndef ROOMSTREAM_BENCH_MQTT_CLIENT_H
#define ROOMSTREAM_BENCH_MQTT_CLIENT_H

#include <MQTTAsync.h>

/* Makes a client that logs nothing but errors and, with `buffered` above 0, lets so many messages wait. `id`
 * may be "": the broker chooses one. */
MQTTAsync bench_client(const char *host, const char *port, const char *id, long buffered,
                       MQTTAsync_messageArrived *arrived, void *context);

/* Connects with these options, of which context and callbacks are set here, and returns when that is done. */
void bench_connect(MQTTAsync client, MQTTAsync_connectOptions *options);

#endif
