/* What a bridge shows of itself over HTTP: /metrics, /healthz, /readyz and /status. The main thread alone
 * calls these functions; requests are answered on the HTTP server's thread. */
#ifndef ROOMSTREAM_MONITOR_H
#define ROOMSTREAM_MONITOR_H

#include "report.h"
#include "watchdog.h"

struct monitor;

/* Begins to serve at settings->http_address. What the sources point to outlives the monitor, but for the
 * receiver. NULL with *error. */
struct monitor *monitor_open(const struct report_sources *sources, const struct watchdog *watchdog,
                             struct error *error);

/* Samples the counters, and takes over what the watchdog says of the threads. Call it about once a second.
 * NULL is allowed for the monitor. */
void monitor_tick(struct monitor *monitor, const struct watchdog *watchdog);

/* The bridge is stopping: its receiver is not used any more. NULL is allowed. */
void monitor_stopping(struct monitor *monitor);

/* NULL is allowed. */
void monitor_close(struct monitor *monitor);

#endif
