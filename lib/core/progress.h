/* Shows the progress of a program that sends what it reads: a bar that is redrawn on a terminal, otherwise a
 * log line now and then. One thread. */
#ifndef ROOMSTREAM_CORE_PROGRESS_H
#define ROOMSTREAM_CORE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress_state {
    uint64_t rows; /* read; 0 where the input has no rows */
    uint64_t messages;
    uint64_t limit; /* messages at most; 0: no limit */
    double part;    /* the part of the input that is read; -1 if it is unknown */
    uint64_t loop;  /* the current one, from 1; 0 where there is only one */
    size_t in_flight;
};

struct progress {
    enum { PROGRESS_NONE, PROGRESS_LINES, PROGRESS_BAR } mode;
    int64_t next; /* monotonic ns: when to show it */
    /* Time that was spent sending, ns, until `moved` (monotonic ns), when there were `messages`. */
    int64_t active, moved;
    uint64_t messages;
    /* The rate is that of the last one to two seconds: since the older of two marks, which are a second
     * apart. */
    struct progress_mark {
        int64_t time;
        uint64_t messages;
    } older, newer;
};

/* A bar where standard error is a terminal, not named "dumb" by TERM, that takes log lines as text; none at
 * all when quiet. With a bar, log lines clear its line before they are written: call it before any thread.
 * Nothing is due before progress_start. */
void progress_init(struct progress *progress, bool quiet, bool text_log);

/* It begins `now` (monotonic ns). */
void progress_start(struct progress *progress, int64_t now);

/* When it is due to be shown, monotonic ns; INT64_MAX: never. */
int64_t progress_due(const struct progress *progress);

/* Shows it and sets when it is due next. */
void progress_show(struct progress *progress, const struct progress_state *state, int64_t now);

/* Clears the bar. */
void progress_end(struct progress *progress);

/* For how long it has been sending at `now`, ns. Of a pause, such as a recorded one, only the beginning
 * counts, so that the time left does not grow meanwhile. Call it repeatedly with the messages so far. */
int64_t progress_active(struct progress *progress, uint64_t messages, int64_t now);

/* The text of the bar for a terminal of that many columns, or, with 0, of the log line; `elapsed` in ns
 * (progress_active), `rate` in messages per second. */
enum { PROGRESS_TEXT_SIZE = 256 };
void progress_text(const struct progress_state *state, int64_t elapsed, double rate, size_t columns,
                   char text[static PROGRESS_TEXT_SIZE]);

#endif
