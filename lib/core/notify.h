/* Telling the service manager that started this process how it is: the protocol of sd_notify(3), which is one
 * datagram of VARIABLE=VALUE lines to the socket that NOTIFY_SOCKET names. Without that variable there is
 * nobody to tell, and nothing happens. */
#ifndef ROOMSTREAM_CORE_NOTIFY_H
#define ROOMSTREAM_CORE_NOTIFY_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

/* Is there a service manager that wants to be told? Any thread. */
bool notify_wanted(void);

/* Sends the formatted lines (at most 2047 bytes; what is longer is cut). Waits a second at most where the
 * service manager does not read. True also where nobody wants to be told; false with *error when it could not
 * be sent. Any thread. */
bool notify(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The ns within which the service manager wants to hear WATCHDOG=1 again and again, or else ends this process
 * (WATCHDOG_USEC and WATCHDOG_PID, see sd_watchdog_enabled(3)); 0: it does not. */
int64_t notify_watchdog(void);

#endif
