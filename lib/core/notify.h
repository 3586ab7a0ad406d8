/* Reports to the service manager that started this process, by the protocol of sd_notify(3): one datagram of
 * VARIABLE=VALUE lines to the socket that NOTIFY_SOCKET names. Without that variable nothing happens. */
#ifndef ROOMSTREAM_CORE_NOTIFY_H
#define ROOMSTREAM_CORE_NOTIFY_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

/* Is there a service manager that wants reports? Any thread. */
bool notify_wanted(void);

/* Sends the formatted lines (at most 2047 bytes; what is longer is cut). Waits a second at most where the
 * service manager does not read. Also true where there is no service manager; false with *error when it could
 * not be sent. Any thread. */
bool notify(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The interval in ns in which the service manager needs WATCHDOG=1, or else ends this process (WATCHDOG_USEC
 * and WATCHDOG_PID, see sd_watchdog_enabled(3)); 0: there is no watchdog. */
int64_t notify_watchdog(void);

#endif
