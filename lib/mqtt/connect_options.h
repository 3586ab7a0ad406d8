/* A CONNECT in Paho's terms: what the settings and the session say about protocol, session, credentials, TLS
 * and will. */
#ifndef ROOMSTREAM_MQTT_CONNECT_OPTIONS_H
#define ROOMSTREAM_MQTT_CONNECT_OPTIONS_H

#include "core/error.h"
#include "mqtt.h"
#include "settings.h"

/* The passwords, read for each connection: they may be changed while a program runs. */
struct mqtt_secrets {
    char *password, *key_password; /* NULL: none */
};

/* False with *error when a file cannot be read. Free them with mqtt_secrets_free in either case. */
bool mqtt_secrets_read(const struct mqtt_settings *settings, struct mqtt_secrets *secrets,
                       struct error *error);
void mqtt_secrets_free(struct mqtt_secrets *secrets);

enum mqtt_start {
    MQTT_START_RESUME, /* whatever session there is */
    MQTT_START_CLEAN,  /* a new session that the broker keeps */
    MQTT_START_ERASE,  /* MQTT 3.1.1: a new session that ends with the connection */
};

/* Paho's options and what they point to. */
struct mqtt_connect {
    MQTTAsync_connectOptions options; /* the caller adds context and callbacks */
    MQTTAsync_SSLOptions tls;
    MQTTAsync_willOptions will;
    MQTTProperties properties, will_properties;
    unsigned char alpn[257];
};

/* Everything pointed to outlives *connect. receive_maximum 0: none is sent. Release it after
 * MQTTAsync_connect, which copies. */
void mqtt_connect_prepare(struct mqtt_connect *connect, const struct mqtt_settings *settings,
                          const struct mqtt_session *session, const struct mqtt_secrets *secrets,
                          enum mqtt_start start, uint16_t receive_maximum);
void mqtt_connect_release(struct mqtt_connect *connect);

#endif
