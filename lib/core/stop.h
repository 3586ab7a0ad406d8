/* Requests to stop: SIGINT and SIGTERM set a flag and make a descriptor readable; a second signal ends the
 * process at once with status 128 + signal. SIGPIPE is ignored: writing to a closed pipe fails with EPIPE. */
#ifndef ROOMSTREAM_CORE_STOP_H
#define ROOMSTREAM_CORE_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* Installs the handlers. Call once, at the start of main and before any thread. */
void stop_init(void);

/* True once a stop was requested. Any thread. */
bool stop_requested(void);

/* Requests it from within the program. The first signal after that still lets the program finish. Any thread,
 * and from a signal handler. */
void stop_request(void);

/* Readable (POLLIN) once a stop was requested; for poll(). Never read from it. */
int stop_fd(void);

/* Sleeps for `ns`, or until a stop is requested. Returns stop_requested(). Any thread. */
bool stop_wait(int64_t ns);

#endif
