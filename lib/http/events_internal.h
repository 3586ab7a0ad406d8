/* Inside lib/http: a stream of events as an answer of libmicrohttpd. */
#ifndef ROOMSTREAM_HTTP_EVENTS_INTERNAL_H
#define ROOMSTREAM_HTTP_EVENTS_INTERNAL_H

#include "events.h"

#include <microhttpd.h>

/* A response that streams to this connection, or NULL when there are too many clients or no memory. The
 * caller queues and destroys it. On the server's thread. */
struct MHD_Response *http_events_answer(struct http_events *events, struct MHD_Connection *connection);

/* A client was cut off as it took nothing. On the server's thread. */
void http_events_count_silent(struct http_events *events);

/* Ends all streams, and lets no new ones begin: before MHD_stop_daemon, which wants no connection suspended.
 */
void http_events_end(struct http_events *events);

size_t http_events_limit(const struct http_events *events);

#endif
