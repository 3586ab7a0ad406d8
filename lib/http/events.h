/* Server-Sent Events (HTML standard, section 9.2): one stream of events to many clients. What is published is
 * kept once for all of them, the last EVENTS_KEPT frames; a client is a place in it. One that falls further
 * behind, or takes nothing for 5 seconds, is cut off: it holds nobody up, and a browser comes again by
 * itself. A client first gets the state so far, then what is published from then on; what is published while
 * the state is written may come twice, in both.
 *
 * Lifecycle:
 *   http_events_new
 *   http_server_open_with_events   a handler answers with it by setting http_answer.events
 *   http_events_publish            any thread, any number of times
 *   http_server_close
 *   http_events_free
 */
#ifndef ROOMSTREAM_HTTP_EVENTS_H
#define ROOMSTREAM_HTTP_EVENTS_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct http_events;

enum { EVENTS_KEPT = 64, EVENTS_STATES = 4 };

/* Writes the state so far as events. On the server's thread; it must not wait. What it wrote serves all
 * clients that come within the next second, while the frames that follow it are kept, and longer while
 * EVENTS_STATES of them are being sent: so many are in memory at most. */
typedef void http_events_state(void *context, FILE *out);

/* For at most `clients` at a time: one more is answered with 503. NULL with *error. */
struct http_events *http_events_new(size_t clients, http_events_state *state, void *context,
                                    struct error *error);

/* Frees. The server that uses it is closed. NULL is allowed. */
void http_events_free(struct http_events *events);

/* Sends the text, whole events, to all clients. Copies it; never waits for a
 * client. Any thread. Where memory is exhausted all clients are cut off. */
void http_events_publish(struct http_events *events, const char *text, size_t length);

/* An event is written between these two. Its data is one line, such as JSON without line breaks. */
void http_events_begin(FILE *out, const char *name);
void http_events_finish(FILE *out);

struct http_events_counts {
    size_t clients;   /* at the moment */
    uint64_t served;  /* so far */
    uint64_t refused; /* as there were too many */
    uint64_t cut_off; /* as they fell behind, or took nothing */
};

/* Any thread. */
struct http_events_counts http_events_counts(struct http_events *events);

#endif
