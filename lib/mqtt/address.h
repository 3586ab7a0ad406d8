/* Where a broker is and how one speaks to it: what --host, --port and the TLS options say together. Pure
 * functions. */
#ifndef ROOMSTREAM_MQTT_ADDRESS_H
#define ROOMSTREAM_MQTT_ADDRESS_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct mqtt_address {
    bool tls;
    char host[256]; /* a name, or an IP address without brackets */
    int port;

    /* As people write it, such as mqtts://[::1]:8883, for messages. */
    char uri[300];

    /* The same as Paho wants it. */
    char paho_uri[300];
};

/* Reads a host: a name, an IPv4 address, an IPv6 address with or without brackets, or an address with a
 * scheme, SCHEME://HOST[:PORT], where SCHEME is mqtt or mqtts (TLS). `port` 0: the address's, else the one
 * usual for the scheme: 1883 or 8883. `tls`: the user asks for TLS by an option. False with *error, which
 * names --host. */
bool mqtt_address_parse(const char *host, int64_t port, bool tls, struct mqtt_address *address,
                        struct error *error);

#endif
