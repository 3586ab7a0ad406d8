/* A small HTTP server for what a program tells about itself, on libmicrohttpd: GET and HEAD, no request
 * bodies, a thread of its own. A connection is closed when it is silent for 5 seconds, and bounded in memory.
 * At most 16 are open at a time: one more takes the place of the oldest, since a request is answered at once,
 * so clients that stall or send a byte now and then keep nobody out.
 *
 * A web page can have a browser ask any address for it, under a name of its own that it lets resolve to this
 * one (DNS rebinding). So a request whose Host (RFC 9110 section 7.2) is neither an IP address nor localhost
 * nor a name that was given is answered with 421. One without Host, as HTTP/1.0 allows, is from no browser.
 */
#ifndef ROOMSTREAM_HTTP_SERVER_H
#define ROOMSTREAM_HTTP_SERVER_H

#include "address.h"
#include "core/error.h"
#include "core/text.h"

#include <stdio.h>

struct http_server;

struct http_answer {
    int status;               /* 200 unless the handler sets another; 404: the server writes the body */
    const char *content_type; /* text/plain unless the handler sets another; a constant */
    FILE *body;               /* to write the answer to: in memory */
};

/* Answers a request for `path` (decoded, without the query). Called on the server's thread, for one request
 * at a time: it must not wait for anything. */
typedef void http_handler(void *context, const char *path, struct http_answer *answer);

/* Listens, and serves from then on. It answers to the address's host and to the names. These and the context
 * outlive the server. NULL with *error when the address cannot
 * be had. */
struct http_server *http_server_open(const struct http_address *address, const struct text_list *names,
                                     http_handler *handler, void *context, struct error *error);

/* Where it listens: with the port that was chosen. Valid until http_server_close. */
const struct http_address *http_server_address(const struct http_server *server);

/* Ends the thread, after the answer under way, and frees. NULL is allowed. */
void http_server_close(struct http_server *server);

#endif
