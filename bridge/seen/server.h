/* What a bridge reports about itself over HTTP: /metrics, /healthz, /readyz and /status. The main thread
 * alone calls these functions; requests are answered on the HTTP server's thread. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_SERVER_H
#define ROOMSTREAM_BRIDGE_SEEN_SERVER_H

#include "snapshot.h"

struct server;

/* Begins to serve at settings->http.address. What the sources point to outlives the server, but for the
 * receiver. NULL with *error. */
struct server *server_open(const struct snapshot_sources *sources, struct error *error);

/* Samples the counters. Call it about once a second. NULL is allowed. */
void server_tick(struct server *server);

/* The bridge is stopping: its receiver is not used any more. NULL is allowed. */
void server_stopping(struct server *server);

/* NULL is allowed. */
void server_close(struct server *server);

#endif
