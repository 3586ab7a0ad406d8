#include "addresses.h"

#include "paho_resolve.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#ifdef ROOMSTREAM_PAHO_CHOOSES
void paho_resolve_to(const char *host, const char *address)
{
    (void)host;
    (void)address;
}
#endif

static size_t find(const struct mqtt_addresses *addresses, const char *text)
{
    size_t i = 0;
    while (i < addresses->count && strcmp(addresses->texts[i], text) != 0)
        i++;
    return i;
}

static void append(struct mqtt_addresses *addresses, const struct addrinfo *item)
{
    char text[INET6_ADDRSTRLEN];
    if (addresses->count < MQTT_ADDRESSES_MAX &&
        getnameinfo(item->ai_addr, item->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 &&
        find(addresses, text) == addresses->count)
        memcpy(addresses->texts[addresses->count++], text, sizeof text);
}

static void append_all(struct mqtt_addresses *addresses, const struct addrinfo *list, bool ipv4)
{
    for (; list; list = list->ai_next)
        if ((list->ai_family == AF_INET) == ipv4)
            append(addresses, list);
}

static void move_to_front(struct mqtt_addresses *addresses, size_t index)
{
    char text[INET6_ADDRSTRLEN];
    memcpy(text, addresses->texts[index], sizeof text);
    memmove(addresses->texts + 1, addresses->texts, index * sizeof *addresses->texts);
    memcpy(addresses->texts, text, sizeof text);
}

static void resolve(struct mqtt_addresses *addresses, const char *host)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char last[INET6_ADDRSTRLEN] = "";
    if (addresses->at < addresses->count)
        memcpy(last, addresses->texts[addresses->at], sizeof last);
    addresses->count = addresses->at = 0;
    paho_resolve_to(host, NULL);
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return;
    append_all(addresses, list, true);
    append_all(addresses, list, false);
    freeaddrinfo(list);
    size_t index = find(addresses, last);
    if (index < addresses->count)
        move_to_front(addresses, index);
}

void mqtt_addresses_use(struct mqtt_addresses *addresses, const char *host)
{
    if (!addresses->moved_on)
        resolve(addresses, host);
    addresses->moved_on = false;
#ifdef ROOMSTREAM_PAHO_CHOOSES
    addresses->count = addresses->count > 0;
#endif
    paho_resolve_to(host, mqtt_addresses_current(addresses));
}

const char *mqtt_addresses_current(const struct mqtt_addresses *addresses)
{
    return addresses->at < addresses->count ? addresses->texts[addresses->at] : NULL;
}

bool mqtt_addresses_next(struct mqtt_addresses *addresses)
{
    if (addresses->at < addresses->count)
        addresses->at++;
    return addresses->moved_on = addresses->at < addresses->count;
}
