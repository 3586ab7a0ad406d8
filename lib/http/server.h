/* A small HTTP server for what a program reports about itself, on libmicrohttpd: GET and HEAD, no request
 * bodies, a thread of its own. A connection is closed when it is silent for 5 seconds, and its memory is
 * bounded. At most 16 are open at a time; one more replaces the oldest. Requests are answered at once, so
 * only clients that stall, or send a byte now and then, lose their place. A server of events (events.h) has
 * as many more places as these have clients.
 *
 * A web page can make a browser ask any address, under a name of its own that resolves to this one (DNS
 * rebinding). So a request whose Host (RFC 9110 section 7.2) is neither an IP address nor localhost nor a
 * given name is answered with 421. A request without Host, as HTTP/1.0 allows, comes from no browser.
 *
 * All answers carry a Content Security Policy (Level 3): a page runs and shows nothing but files of this
 * server, and no page of another server can embed it. */
#ifndef ROOMSTREAM_HTTP_SERVER_H
#define ROOMSTREAM_HTTP_SERVER_H

#include "address.h"
#include "core/error.h"
#include "core/text.h"
#include "events.h"

#include <stdbool.h>
#include <stdio.h>

struct http_server;

struct http_answer {
    int status;               /* 200 unless the handler sets another; 404: the server writes the body */
    const char *content_type; /* text/plain unless the handler sets another; a constant */
    FILE *body;               /* to write the answer to: in memory */
    const void *constant;     /* what is sent instead of the body, as long as the program lives; NULL: none */
    size_t constant_length;
    bool events; /* the answer is the server's stream of events: for GET */
};

/* Answers a request for `path` (decoded, without the query). Called on the server's thread, for one request
 * at a time: it must not wait for anything. */
typedef void http_handler(void *context, const char *path, struct http_answer *answer);

/* Listens, logs where, and serves from then on. It answers to the address's host and to the names. These and
 * the context must outlive the server. NULL with *error when it cannot listen at the address. */
struct http_server *http_server_open(const struct http_address *address, const struct text_list *names,
                                     http_handler *handler, void *context, struct error *error);

/* The same, but for the log line, for a server that also streams these events, which outlive it. */
struct http_server *http_server_open_with_events(const struct http_address *address,
                                                 const struct text_list *names, http_handler *handler,
                                                 void *context, struct http_events *events,
                                                 struct error *error);

/* Where it listens: with the port that was chosen. Valid until http_server_close. */
const struct http_address *http_server_address(const struct http_server *server);

/* Ends the streams and the thread, after the current answer, and frees. NULL is allowed. */
void http_server_close(struct http_server *server);

#endif
