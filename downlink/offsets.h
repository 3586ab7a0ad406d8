/* The offsets of a partition between taking a message and the confirmed commit: messages are done in any
 * order, but the position moves over what is done without a gap. Pure functions.
 *
 * Lifecycle: zero-initialize; offsets_begin or offsets_start; then in any order offsets_take, offsets_end,
 * offsets_done, offsets_committed, offsets_rewind; offsets_free. */
#ifndef ROOMSTREAM_DOWNLINK_OFFSETS_H
#define ROOMSTREAM_DOWNLINK_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct offset {
    int64_t value;
    bool done;
};

struct offsets {
    struct offset *items; /* ascending, from `first` on; those before are committed */
    size_t first, count, room;
    int64_t position;  /* all below is done; -1: not known yet */
    int64_t committed; /* -1: nothing is */
    int64_t end;       /* nothing is between the last item and this */
    size_t undone;     /* items that are not done */
    bool started;      /* by offsets_start */
};

/* Forgets all. The first message taken tells the position, which is Kafka's own then. */
void offsets_begin(struct offsets *offsets);

/* The same, but with a position that is to be committed. */
void offsets_start(struct offsets *offsets, int64_t position);
void offsets_free(struct offsets *offsets);

/* The message at `offset` is taken; offsets rise, perhaps with gaps. */
void offsets_take(struct offsets *offsets, int64_t offset);

/* There is nothing between the last message taken and `end`, where the partition ends: only marks of
 * transactions. */
void offsets_end(struct offsets *offsets, int64_t end);

/* The message needs nothing more. Unknown offsets are ignored. */
void offsets_done(struct offsets *offsets, int64_t offset);

/* Where to read on: behind all that was taken. -1: not known yet. */
int64_t offsets_next(const struct offsets *offsets);

/* Is there something to commit: is the position above what is committed? */
bool offsets_due(const struct offsets *offsets);

/* Kafka has this position. */
void offsets_committed(struct offsets *offsets, int64_t position);

/* How many messages were taken whose commit is not confirmed: as many may come twice after a kill. */
size_t offsets_open(const struct offsets *offsets);

/* Forgets all from the first that is not done: it is to be taken again, at offsets->position. */
void offsets_rewind(struct offsets *offsets);

#endif
