/* The addresses of a broker's name: some of them may be dead. All are tried, each in an attempt of its own,
 * one after the other; the IPv4 ones first, as Paho has it.
 *
 * Lifecycle, for each attempt to connect:
 *   mqtt_addresses_use    before it
 *   mqtt_addresses_next   after one that failed; once it returns false, all have been tried
 *
 * With Paho's shared library there is one address, Paho's own choice. One thread. */
#ifndef ROOMSTREAM_MQTT_ADDRESSES_H
#define ROOMSTREAM_MQTT_ADDRESSES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum { MQTT_ADDRESSES_MAX = 16 }; /* more are left aside */

/* Zero-initialized before the first use. */
struct mqtt_addresses {
    char texts[MQTT_ADDRESSES_MAX][INET6_ADDRSTRLEN]; /* numeric */
    size_t count;                                     /* 0: the name is not found */
    size_t at;                                        /* the one in use; count: none */
    bool moved_on;                                    /* the next attempt is one of the same round */
};

/* Has Paho connect to one of the host's addresses: to the next one after mqtt_addresses_next, else, in a new
 * round for which the host is resolved, to the one that was used last, or to the first. Takes as long as the
 * system's resolver does. */
void mqtt_addresses_use(struct mqtt_addresses *addresses, const char *host);

/* The address in use; NULL: the name is not found. */
const char *mqtt_addresses_current(const struct mqtt_addresses *addresses);

/* The address in use is of no use: moves on to the next one. False when there is none in this round. */
bool mqtt_addresses_next(struct mqtt_addresses *addresses);

#endif
