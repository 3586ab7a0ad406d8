/* Finds out why a connection to a broker could not be made. Paho says that it failed, not why. So this makes
 * a connection of its own, up to where MQTT begins, and looks. */
#ifndef ROOMSTREAM_MQTT_PROBE_H
#define ROOMSTREAM_MQTT_PROBE_H

#include "core/error.h"
#include "settings.h"

enum mqtt_probe_result {
    MQTT_PROBE_REACHED, /* nothing is wrong up to where MQTT begins, or it took too long to find out */
    MQTT_PROBE_MAY_PASS,
    MQTT_PROBE_NEEDS_USER, /* will fail until a setting or a certificate is changed */
};

/* Looks at that numeric address of the host; NULL: at what the host is resolved to. Takes 3 seconds at most,
 * beside the name's resolution; returns as soon as the event `cancel` (event.h) is
 * raised. What is wrong goes into *why: a sentence fragment. Any thread. */
enum mqtt_probe_result mqtt_probe(const struct mqtt_settings *settings, const char *key_password,
                                  const char *address, int cancel, struct error *why);

#endif
