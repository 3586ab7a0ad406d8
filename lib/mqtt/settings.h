/* What the user says about the MQTT broker and the client: one group of options, the same in every program.
 */
#ifndef ROOMSTREAM_MQTT_SETTINGS_H
#define ROOMSTREAM_MQTT_SETTINGS_H

#include "address.h"
#include "core/error.h"
#include "options/option.h"

#include <stdbool.h>
#include <stdint.h>

enum mqtt_version { MQTT_VERSION_5, MQTT_VERSION_311 };

/* What the user says about the broker and the client: the MQTT group of every program's options. */
struct mqtt_settings {
    /* As parsed; text that is not given is NULL. */
    const char *host;
    int64_t port;          /* 0: the one usual for the address's scheme */
    const char *client_id; /* NULL: the program makes one up */
    int version;           /* enum mqtt_version, once complete */
    int64_t keepalive;     /* ns */
    const char *username, *password, *password_file;
    bool tls, insecure;
    const char *ca_file, *ca_directory, *cert_file, *key_file, *key_password, *key_password_file, *tls_alpn;
    const char *will_topic, *will_payload; /* no topic: no will */
    int64_t will_qos, will_delay;          /* ns */
    bool will_retain;
    /* Made of it by mqtt_settings_complete. */
    struct mqtt_address address;
};

/* --host, --port, --id, --mqtt-version, --keepalive, --username, --password-file, --cafile, ... settings
 * outlive the parsing. */
struct option_group mqtt_options(struct mqtt_settings *settings);

/* Checks how the options fit together, completes the settings, and keeps Paho from using the HTTP proxies
 * that the environment names. False with *error, which names the options: wrong use. Call it once after
 * parsing, before any thread. */
bool mqtt_settings_complete(struct mqtt_settings *settings, struct error *error);

#endif
