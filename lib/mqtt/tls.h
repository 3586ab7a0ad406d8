/* The certificates and keys that the MQTT options name. Paho loads them itself, but does not say what is
 * wrong with them. A new TLS option: a line in the table in settings.c, then here, and in connect_options.c
 * for Paho. */
#ifndef ROOMSTREAM_MQTT_TLS_H
#define ROOMSTREAM_MQTT_TLS_H

#include "core/error.h"
#include "settings.h"

#include <openssl/ssl.h>

/* A context with everything loaded as Paho does it; free it with SSL_CTX_free. `key_password`: of an
 * encrypted key, or NULL. NULL with *error, which says which file is wrong and how. Any thread. */
SSL_CTX *mqtt_tls_context(const struct mqtt_settings *settings, const char *key_password,
                          struct error *error);

/* The reason of the oldest error in OpenSSL's queue, or "unknown reason"; empties the queue. */
const char *mqtt_tls_reason(void);

#endif
