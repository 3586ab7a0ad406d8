/* A bounded buffer between one thread that produces text, message by message, and another that writes it to a
 * file descriptor. The producer waits while the buffer is full. The writing thread never blocks in a write,
 * so that it can be asked to stop, keeps time limits, and notices at once when a pipe's reader is gone. */
#ifndef ROOMSTREAM_SUBSCRIBE_OUTPUT_H
#define ROOMSTREAM_SUBSCRIBE_OUTPUT_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

/* For a descriptor that stays the caller's; SIGPIPE must be ignored. A message may be larger than the buffer,
 * `buffer_bytes`, which exists twice. NULL with *error when there is no memory or no descriptor left. */
struct output *output_open(int fd, size_t buffer_bytes, struct error *error);

/* No other thread may use it any more. What was not written is dropped. NULL is allowed. */
void output_close(struct output *output);

/* ---- the producer: one thread at a time ---- */

/* Begins a message. False after output_finish: there will be no more messages. */
bool output_begin(struct output *output);

/* Appends to the message, copying. Waits while the buffer is full; drops what has no room once output_abort
 * was called. */
void output_write(struct output *output, const void *data, size_t length);

void output_end(struct output *output);

/* ---- any thread ---- */

/* No message begins any more; one that has begun is completed. */
void output_finish(struct output *output);

/* As output_finish, and a producer that waits or still writes continues: its data is dropped. */
void output_abort(struct output *output);

/* ---- the writing thread ---- */

enum output_result {
    OUTPUT_FINISHED,  /* output_finish was called and everything is written */
    OUTPUT_STOPPED,   /* stop_fd is readable */
    OUTPUT_TIMED_OUT, /* the deadline has passed */
    OUTPUT_CLOSED,    /* whoever read it is gone: nothing more can be written */
    OUTPUT_FAILED,    /* *error says why */
};

/* Writes what the producer appends: a message at once where few come, batches of about a millisecond where
 * many come. Returns when one of the above happens; after STOPPED and TIMED_OUT it can be called again.
 * stop_fd may be -1, deadline (monotonic ns) 0 for none. */
enum output_result output_relay(struct output *output, int stop_fd, int64_t deadline, struct error *error);

#endif
