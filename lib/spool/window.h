/* The window: the outcome of each id from the position on, as far as it has been read. A message is settled
 * when it is delivered or a dead letter. A ring holds a fixed number of ids, so messages may be settled in
 * any order in bounded memory. Not thread-safe. */
#ifndef ROOMSTREAM_SPOOL_WINDOW_H
#define ROOMSTREAM_SPOOL_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum window_state {
    WINDOW_UNREAD,
    WINDOW_IN_FLIGHT, /* read, not settled */
    WINDOW_REWOUND,   /* was in flight before a rewind: read again, unless it is settled first */
    WINDOW_DELIVERED,
    WINDOW_DEAD,
    WINDOW_EMPTY, /* not a message: nothing to settle */
};

struct window {
    uint8_t *states; /* enum window_state, by id modulo size */
    int64_t *times;  /* realtime ns of arrival, of those read */
    size_t size;     /* a power of two */
    size_t limit;    /* ids from the base on that may be read */
    uint64_t base;   /* the position: the lowest id not settled */
    uint64_t in_flight;
    uint64_t delivered, dead;             /* settled, all */
    uint64_t delivered_below, dead_below; /* settled, below the base */
};

/* Holds `size` ids from `base` on. False when memory is exhausted. */
bool window_init(struct window *window, size_t size, uint64_t base, uint64_t delivered, uint64_t dead);
void window_free(struct window *window);

/* Is there a place for this id, which is not below the base? */
bool window_has_room(const struct window *window, uint64_t id);

/* Settled already, or below the base? */
bool window_is_settled(const struct window *window, uint64_t id);

/* The message is read; there is room for it and it is not settled. */
void window_read(struct window *window, uint64_t id, int64_t time);

/* The id is not a message's. There is room for it. */
void window_pass(struct window *window, uint64_t id);

/* The message, in flight or rewound, is settled as WINDOW_DELIVERED or WINDOW_DEAD; the base moves on when it
 * is the lowest. Others are ignored. */
void window_settle(struct window *window, uint64_t id, enum window_state state);

/* Settles everything below `id` that has been read as delivered, and moves the base up to `id`, or beyond it
 * over what is settled. */
void window_advance(struct window *window, uint64_t id);

/* What is in flight will be read again. */
void window_rewind(struct window *window);

/* Realtime ns of arrival of the message at the base, 0 if that has not been read. */
int64_t window_oldest_time(const struct window *window);

#endif
