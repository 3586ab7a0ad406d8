/* Addresses of HTTP servers as people write them: HOST:PORT, [::1]:PORT for IPv6, or a port alone, which
 * means this machine's loopback address. Pure functions. */
#ifndef ROOMSTREAM_HTTP_ADDRESS_H
#define ROOMSTREAM_HTTP_ADDRESS_H

#include "core/error.h"

#include <stdbool.h>

struct http_address {
    char host[256]; /* a name, or an IP address without brackets */
    int port;       /* 0: any that is free, for a server */
};

/* Reads an address. False with *error, which quotes the text but does not name an option. */
bool http_address_parse(const char *text, struct http_address *address, struct error *error);

/* Writes it as HOST:PORT or [HOST]:PORT. */
#define HTTP_ADDRESS_SIZE 272
void http_address_format(const struct http_address *address, char text[static HTTP_ADDRESS_SIZE]);

#endif
