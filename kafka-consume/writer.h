/* Messages on their way to a descriptor: a buffer that is written out when it is full or when nothing more
 * comes. It knows when all of it is written, which is when offsets may be committed. One thread. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_WRITER_H
#define ROOMSTREAM_KAFKA_CONSUME_WRITER_H

#include "core/error.h"
#include "core/outlet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum writer_state {
    WRITER_OPEN,
    WRITER_CLOSED, /* whoever read it is gone */
    WRITER_STUCK,  /* the time is over, and the reader does not take the rest */
    WRITER_FAILED, /* error says why */
};

struct writer {
    struct outlet outlet;
    char *data;
    size_t length, written; /* of data: filled, and of that written */
    int64_t deadline;       /* see writer_open */
    bool ending;            /* the deadline is one that ends it */
    bool split;             /* the message that is being put together was too long for the buffer */
    enum writer_state state;
    struct error error;
};

/* For a descriptor that stays the caller's. Once stopping is asked for (stop.h) or `deadline` (monotonic ns,
 * 0: none) has passed, the reader has a few seconds for the rest. False with *error when there is no memory.
 */
bool writer_open(struct writer *writer, int fd, int64_t deadline, struct error *error);
void writer_close(struct writer *writer);

/* Appends a piece of a message, writing out what does not fit: then it waits for the reader, as writer_flush
 * does. Where the state is not OPEN the piece is dropped. `writer` is a struct writer *, to suit json_write.
 */
void writer_put(void *writer, const void *data, size_t length);

/* After each message: writes out a buffer that is rather full. So outside of a message nothing is written by
 * half. True when the buffer is now empty. */
bool writer_end_message(struct writer *writer);

/* Writes out everything, waiting for the reader for as long as it takes; once stopping is asked for (stop.h),
 * for a few seconds at most. False when the state is no longer OPEN. */
bool writer_flush(struct writer *writer);

/* Forgets what is not written, outside of a message. */
void writer_discard(struct writer *writer);

/* Looks whether the reader is still there, without waiting. False when the state is no longer OPEN. */
bool writer_check(struct writer *writer);

#endif
