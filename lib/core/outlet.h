/* Writing to a descriptor without ever blocking in write(), so that a program can be stopped, keeps time
 * limits, and notices at once when a pipe's reader has ended. The descriptor's mode is not changed: other
 * processes may share it. */
#ifndef ROOMSTREAM_CORE_OUTLET_H
#define ROOMSTREAM_CORE_OUTLET_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outlet {
    int fd;
    size_t piece_bytes; /* most that one write takes without blocking, once poll says that there is room */
};

/* The caller keeps the descriptor; SIGPIPE must be ignored. */
struct outlet outlet_of(int fd);

enum outlet_result {
    OUTLET_READY,     /* it takes a piece, or has taken one */
    OUTLET_WOKEN,     /* the event is raised, or the wait was interrupted */
    OUTLET_STOPPED,   /* stop_fd is readable */
    OUTLET_TIMED_OUT, /* the deadline has passed */
    OUTLET_CLOSED,    /* its reader has ended: nothing more can be written */
    OUTLET_FAILED,    /* *error says why */
};

/* Waits for one of these, for READY only if `ready`. Precedence: what ends the output, STOPPED, TIMED_OUT,
 * READY, WOKEN. stop_fd and event (event.h; it is not cleared) may be -1, deadline (monotonic ns) 0 for
 * none. */
enum outlet_result outlet_wait(const struct outlet *outlet, bool ready, int event, int stop_fd,
                               int64_t deadline, struct error *error);

/* Writes the first piece after OUTLET_READY; *written is its length, 0 if it was not ready after all. */
enum outlet_result outlet_write(const struct outlet *outlet, const void *data, size_t length, size_t *written,
                                struct error *error);

#endif
