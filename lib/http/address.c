#include "address.h"

#include "core/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Splits the text at the colon before the port: *host_length is the length of the host, without brackets, and
 * *host where it begins. Returns the port's text, or NULL. */
static const char *split(const char *text, const char **host, size_t *host_length)
{
    const char *colon = strrchr(text, ':');
    *host = text;
    *host_length = 0;
    if (!colon)
        return text;
    *host_length = (size_t)(colon - text);
    if (*text == '[' && *host_length > 2 && colon[-1] == ']') {
        *host = text + 1;
        *host_length -= 2;
    } else if (memchr(text, ':', *host_length) || memchr(text, '[', *host_length)) {
        return NULL; /* which colon is before the port? */
    }
    return colon + 1;
}

bool http_address_parse(const char *text, struct http_address *address, struct error *error)
{
    const char *host;
    size_t length;
    int64_t port;
    const char *port_text = split(text, &host, &length);
    if (!port_text || !text_to_integer(port_text, &port) || port < 0 || port > 65535 ||
        length >= sizeof address->host)
        return error_set(
            error, "'%s' is not an address: give HOST:PORT, [HOST]:PORT for IPv6, or a port from 0 to 65535",
            text);
    address->port = (int)port;
    if (length == 0)
        snprintf(address->host, sizeof address->host, "127.0.0.1");
    else
        snprintf(address->host, sizeof address->host, "%.*s", (int)length, host);
    return true;
}

void http_address_format(const struct http_address *address, char text[static HTTP_ADDRESS_SIZE])
{
    bool brackets = strchr(address->host, ':') != NULL;
    snprintf(text, HTTP_ADDRESS_SIZE, "%s%s%s:%d", brackets ? "[" : "", address->host, brackets ? "]" : "",
             address->port);
}
