/* What the page shows of the room: of each topic how many messages came, and the lines of its chart, in
 * bounded memory. All functions but room_new and room_free may be called from any thread.
 *
 * Lifecycle:
 *   room_new
 *   room_add           for each message
 *   room_tick          once a second, for the rates
 *   room_write         the state, or what is new since the last call
 *   room_free
 */
#ifndef ROOMSTREAM_DASHBOARD_ROOM_H
#define ROOMSTREAM_DASHBOARD_ROOM_H

#include "core/error.h"
#include "core/text.h"
#include "reading.h"

#include <stdio.h>

enum {
    ROOM_TOPICS = 32,   /* at most */
    ROOM_SERIES = 16,   /* a topic; the messages of further keys are counted, and in no chart */
    ROOM_POINTS = 1024, /* a series */
    ROOM_NEWS = 32,     /* points of a series between two calls of room_write */
    ROOM_TEXT = 161,    /* of the newest payload */
    ROOM_RATE_SECONDS = 10,
};

struct room;

/* Shows these topics in this order; `people`, the index of the one with the estimates, has the truth beside
 * them, which stands in the messages of the others; the number of topics: there is none, and no truth is
 * shown. The names outlive the room. NULL with *error. */
struct room *room_new(const struct text_list *topics, size_t people, struct error *error);
void room_free(struct room *room);

/* A message of the topic of that index. */
void room_add(struct room *room, size_t topic, struct reading_bytes key, struct reading_bytes payload,
              int64_t kafka_time);

void room_tick(struct room *room);

/* Writes a JSON object on one line: with all points, or with those that came since this was called so last.
 */
void room_write(struct room *room, bool all, FILE *out);

struct room_counts {
    uint64_t messages;
    uint64_t left_out; /* of these: no readings, or of too many keys */
    size_t series, points;
};

/* Of one topic. */
struct room_counts room_counts(struct room *room, size_t topic);

#endif
