#include "address.h"

#include "core/text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct scheme {
    const char *prefix;
    bool tls;
    int port;
};

static const struct scheme schemes[] = {
    {"mqtt://", false, 1883},
    {"mqtts://", true, 8883},
};

static const struct scheme *find_scheme(const char *host)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(host, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return &schemes[i];
    return NULL;
}

static bool is_ipv6(const char *host)
{
    struct in6_addr ignored;
    return inet_pton(AF_INET6, host, &ignored) == 1;
}

/* The end of the host in text, which begins with it: at its closing bracket, at the port's colon, or at the
 * end. NULL with *error. */
static char *host_end(char *text, struct error *error)
{
    char *end = *text == '[' ? strchr(text, ']') : text + strcspn(text, ":");
    bool clear = *text == '[' ? end && (end[1] == ':' || end[1] == '\0') : !strchr(end + (*end == ':'), ':');
    if (clear)
        return end;
    error_set(error, "--host: '%s' is neither a name nor an IP address", text);
    return NULL;
}

/* Splits HOST[:PORT]; an IPv6 address has brackets. */
static bool split_port(const char *text, size_t length, struct mqtt_address *address, struct error *error)
{
    char authority[sizeof address->host];
    int64_t port = 0;
    if (length >= sizeof authority)
        return error_set(error, "--host is too long: %zu characters", length);
    snprintf(authority, sizeof authority, "%.*s", (int)length, text);
    bool brackets = *authority == '[';
    char *end = host_end(authority, error), *colon = end ? strchr(end, ':') : NULL;
    if (!end)
        return false;
    if (colon && (!text_to_integer(colon + 1, &port) || port < 1 || port > 65535))
        return error_set(error, "--host: '%s' is not a port from 1 to 65535", colon + 1);
    *end = '\0';
    address->port = (int)port;
    snprintf(address->host, sizeof address->host, "%s", authority + brackets);
    return !brackets || is_ipv6(address->host) ||
           error_set(error, "--host: '%s' is not an IPv6 address", address->host);
}

/* What follows the scheme. */
static bool parse_authority(const char *text, struct mqtt_address *address, struct error *error)
{
    size_t length = strcspn(text, "/");
    const char *path = text + length;
    if (*path && strcmp(path, "/") != 0)
        return error_set(error, "--host: an MQTT broker's address has no path: leave out '%s'", path);
    return split_port(text, length, address, error);
}

static bool parse_with_scheme(const char *host, const struct scheme *scheme, int64_t port, bool tls,
                              struct mqtt_address *address, struct error *error)
{
    if (tls && !scheme->tls)
        return error_set(error, "--host: %s is without TLS, which another option asks for: use mqtts://",
                         scheme->prefix);
    address->tls = scheme->tls;
    if (!parse_authority(host + strlen(scheme->prefix), address, error))
        return false;
    if (port && address->port && port != address->port)
        return error_set(error, "two ports: %d in --host '%s' and %" PRId64 " in --port", address->port, host,
                         port);
    if (!address->port)
        address->port = port ? (int)port : scheme->port;
    return true;
}

/* Without a scheme a port belongs into --port: 'a:1' could also be an IPv6 address. */
static bool parse_plain(const char *host, int64_t port, bool tls, struct mqtt_address *address,
                        struct error *error)
{
    address->tls = tls;
    if (is_ipv6(host))
        snprintf(address->host, sizeof address->host, "%s", host);
    else if (!split_port(host, strlen(host), address, error))
        return false;
    if (address->port)
        return error_set(error, "--host: '%s' has a port: use --port, or --host %s://%s", host,
                         tls ? "mqtts" : "mqtt", host);
    address->port = port ? (int)port : tls ? 8883 : 1883;
    return true;
}

/* getaddrinfo(3) and HTTP want nothing of this kind. A link-local address's zone would be lost in Paho. */
static bool check_host(const char *host, struct error *error)
{
    if (*host == '\0')
        return error_set(error, "--host is empty");
    for (const char *c = host; *c; c++)
        if ((unsigned char)*c <= ' ' || strchr("/?#@%[]\\\x7f", *c))
            return error_set(error, "--host: '%s' is not a host name or an IP address", host);
    return true;
}

/* A scheme that is not in the table; nothing behind it is repeated, as that may hold a password. */
static bool refuse_scheme(const char *host, size_t length, struct error *error)
{
    if (strncmp(host, "ws://", length) == 0 || strncmp(host, "wss://", length) == 0)
        return error_set(
            error,
            "--host: '%.*s' is a websocket, over which the MQTT library hangs and crashes: "
            "use a TCP listener of the broker (mqtt://, or mqtts:// with TLS), or a tunnel from TCP to its websocket, "
            "such as websocat",
            (int)length, host);
    return error_set(error, "--host: '%.*s' is neither mqtt:// nor mqtts://", (int)length, host);
}

bool mqtt_address_parse(const char *host, int64_t port, bool tls, struct mqtt_address *address,
                        struct error *error)
{
    const struct scheme *scheme = find_scheme(host);
    const char *unknown = strstr(host, "://"), *authority = unknown ? unknown + 3 : host;
    *address = (struct mqtt_address){0};
    if (!scheme && unknown)
        return refuse_scheme(host, (size_t)(unknown - host) + 3, error);
    if (memchr(authority, '@', strcspn(authority, "/"))) /* the other messages show the host */
        return error_set(
            error,
            "--host: a user name and a password do not belong into the address: use --username and --password-file");
    if (!(scheme ? parse_with_scheme(host, scheme, port, tls, address, error)
                 : parse_plain(host, port, tls, address, error)) ||
        !check_host(address->host, error))
        return false;
    const char *name = address->tls ? "mqtts" : "mqtt";
    bool brackets = strchr(address->host, ':') != NULL;
    snprintf(address->uri, sizeof address->uri, "%s://%s%s%s:%d", name, brackets ? "[" : "", address->host,
             brackets ? "]" : "", address->port);
    /* Paho compares what stands before the port with the certificate, the opening bracket included; it finds
     * the port at the last colon either way. */
    brackets = brackets && !address->tls;
    snprintf(address->paho_uri, sizeof address->paho_uri, "%s://%s%s%s:%d", name, brackets ? "[" : "",
             address->host, brackets ? "]" : "", address->port);
    return true;
}
