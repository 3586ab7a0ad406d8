/* Messages on their way to a descriptor: a buffer that is written out when it is full or when no more arrive.
 * It knows when everything is written, so that offsets may be committed. One thread. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_WRITER_H
#define ROOMSTREAM_KAFKA_CONSUME_WRITER_H

#include "core/error.h"
#include "core/outlet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum writer_state {
    WRITER_OPEN,
    WRITER_CLOSED, /* the reader has ended */
    WRITER_STUCK,  /* the time is over, and the reader does not read the rest */
    WRITER_FAILED, /* error says why */
};

struct writer {
    struct outlet outlet;
    char *data;
    size_t length, written; /* of data: filled, and of that written */
    int64_t deadline;       /* see writer_open */
    bool ending;            /* the writer is ending: the deadline is the last one */
    bool split;             /* the current message was too long for the buffer */
    enum writer_state state;
    struct error error;
};

/* The caller keeps the descriptor. Once a stop is requested (stop.h) or `deadline` (monotonic ns, 0: none)
 * has passed, the reader has a few seconds for the rest. False with *error when there is no memory. */
bool writer_open(struct writer *writer, int fd, int64_t deadline, struct error *error);
void writer_close(struct writer *writer);

/* Appends a piece of a message. When the buffer is full it writes out, and waits for the reader, like
 * writer_flush. If the state is not OPEN the piece is dropped. `writer` is a struct writer *, to fit
 * json_write. */
void writer_put(void *writer, const void *data, size_t length);

/* Call it after each message: writes out a buffer that is rather full, so that no message is left half
 * written. True when the buffer is now empty. */
bool writer_end_message(struct writer *writer);

/* Writes out everything, waiting for the reader for as long as it takes; once a stop is requested (stop.h),
 * for a few seconds at most. False when the state is no longer OPEN. */
bool writer_flush(struct writer *writer);

/* Drops what is not written. Not within a message. */
void writer_discard(struct writer *writer);

/* Checks, without waiting, that the reader still exists. False when the state is no longer OPEN. */
bool writer_check(struct writer *writer);

#endif
