/* What a bridge shows of itself over HTTP: /metrics, /healthz, /readyz and /status. The main thread alone
 * calls these functions; requests are answered on the HTTP server's thread. */
#ifndef ROOMSTREAM_MONITOR_H
#define ROOMSTREAM_MONITOR_H

#include "forwarder.h"
#include "report.h"

struct monitor;

/* Begins to serve at settings->http_address. What the sources and the forwarder point to outlives the
 * monitor, but for the receiver. NULL with *error. */
struct monitor *monitor_open(const struct report_sources *sources, const struct forwarder *forwarder,
                             struct error *error);

/* Samples the counters and looks whether the threads move. Call it about once a second. NULL is allowed. */
void monitor_tick(struct monitor *monitor);

/* The bridge is stopping: its receiver is not used any more. NULL is allowed. */
void monitor_stopping(struct monitor *monitor);

/* NULL is allowed. */
void monitor_close(struct monitor *monitor);

#endif
