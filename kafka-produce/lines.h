/* A stream cut into lines at a delimiter, or left whole. Memory is bounded by the longest line that is
 * allowed. One thread.
 */
#ifndef ROOMSTREAM_KAFKA_PRODUCE_LINES_H
#define ROOMSTREAM_KAFKA_PRODUCE_LINES_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
    int fd;
    const char *name; /* of the stream, for messages */
    const char *delimiter;
    size_t delimiter_length, longest;
    char *data;
    size_t capacity, begin, end,
        searched;   /* data[begin, end) is not returned yet; there is no delimiter before `searched` */
    size_t skipped; /* bytes of a line that is too long */
    bool at_end;
    uint64_t number; /* of the line returned last, from 1 */
    uint64_t bytes;  /* read so far */
};

/* The caller keeps the descriptor. Name and delimiter must outlive the lines. Without a delimiter (length 0)
 * the stream is one line. `longest` is the greatest length in bytes, without delimiter, of a line that is
 * returned. False with *error when there is no memory. */
bool lines_open(struct lines *lines, int fd, const char *name, const void *delimiter, size_t delimiter_length,
                size_t longest, struct error *error);
void lines_close(struct lines *lines);

enum lines_result {
    LINES_ONE, /* *line, valid until the next call; what follows the last delimiter is a line if it is not
                  empty */
    LINES_TOO_LONG, /* a line of *length bytes, which is dropped */
    LINES_WAITING,  /* there is none yet */
    LINES_STOPPED,  /* a stop was requested (stop.h) before the next line was complete */
    LINES_END,
    LINES_UNREADABLE, /* of input.h alone */
    LINES_FAILED,     /* *error says why */
};

/* The next line. Waits up to `timeout` ns for input. */
enum lines_result lines_next(struct lines *lines, int64_t timeout, const char **line, size_t *length,
                             struct error *error);

/* Was a part of the next line read? */
bool lines_partial(const struct lines *lines);

#endif
