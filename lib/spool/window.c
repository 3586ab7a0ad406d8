#include "window.h"

#include <stdlib.h>

static size_t place(const struct window *window, uint64_t id)
{
    return (size_t)(id & (window->size - 1));
}

bool window_init(struct window *window, size_t size, uint64_t base, uint64_t delivered, uint64_t dead)
{
    size_t rounded = 1;
    while (rounded < size && rounded <= SIZE_MAX / 2)
        rounded *= 2;
    *window = (struct window){
        .states = calloc(rounded, sizeof *window->states),
        .times = calloc(rounded, sizeof *window->times),
        .size = rounded,
        .limit = size,
        .base = base,
        .delivered = delivered,
        .dead = dead,
        .delivered_below = delivered,
        .dead_below = dead,
    };
    if (window->states && window->times)
        return true;
    window_free(window);
    return false;
}

void window_free(struct window *window)
{
    free(window->states);
    free(window->times);
    *window = (struct window){0};
}

bool window_has_room(const struct window *window, uint64_t id)
{
    return id - window->base < window->limit;
}

static enum window_state state_of(const struct window *window, uint64_t id)
{
    return id >= window->base && window_has_room(window, id) ? window->states[place(window, id)]
                                                             : WINDOW_UNREAD;
}

static bool settled(enum window_state state)
{
    return state >= WINDOW_DELIVERED;
}

bool window_is_settled(const struct window *window, uint64_t id)
{
    return id < window->base || settled(state_of(window, id));
}

/* Frees the place at the base and moves on to the next id. */
static void leave_base(struct window *window)
{
    uint8_t *state = &window->states[place(window, window->base)];
    window->delivered_below += *state == WINDOW_DELIVERED;
    window->dead_below += *state == WINDOW_DEAD;
    *state = WINDOW_UNREAD;
    window->base++;
}

static void move_base(struct window *window)
{
    while (settled(window->states[place(window, window->base)]))
        leave_base(window);
}

void window_read(struct window *window, uint64_t id, int64_t time)
{
    window->states[place(window, id)] = WINDOW_IN_FLIGHT;
    window->times[place(window, id)] = time;
    window->in_flight++;
}

void window_pass(struct window *window, uint64_t id)
{
    window->states[place(window, id)] = WINDOW_EMPTY;
    move_base(window);
}

static void count_settled(struct window *window, uint64_t id, enum window_state state)
{
    uint8_t *now = &window->states[place(window, id)];
    window->in_flight -= *now == WINDOW_IN_FLIGHT;
    window->delivered += state == WINDOW_DELIVERED;
    window->dead += state == WINDOW_DEAD;
    *now = (uint8_t)state;
}

void window_settle(struct window *window, uint64_t id, enum window_state state)
{
    enum window_state now = state_of(window, id);
    if (now != WINDOW_IN_FLIGHT && now != WINDOW_REWOUND)
        return;
    count_settled(window, id, state);
    move_base(window);
}

void window_advance(struct window *window, uint64_t id)
{
    /* Beyond the ring nothing has been read, so there is nothing to count. */
    for (size_t left = window->size; left > 0 && window->base < id; left--) {
        enum window_state now = state_of(window, window->base);
        if (now == WINDOW_IN_FLIGHT || now == WINDOW_REWOUND)
            count_settled(window, window->base, WINDOW_DELIVERED);
        leave_base(window);
    }
    if (window->base < id)
        window->base = id;
    move_base(window);
}

void window_rewind(struct window *window)
{
    for (uint64_t id = window->base; window->in_flight > 0; id++) {
        uint8_t *state = &window->states[place(window, id)];
        if (*state == WINDOW_IN_FLIGHT) {
            *state = WINDOW_REWOUND;
            window->in_flight--;
        }
    }
}

int64_t window_oldest_time(const struct window *window)
{
    uint8_t state = window->states[place(window, window->base)];
    return state == WINDOW_IN_FLIGHT || state == WINDOW_REWOUND ? window->times[place(window, window->base)]
                                                                : 0;
}
