#include "writer.h"

#include "core/clock.h"
#include "core/stop.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 256 * 1024, RATHER_FULL = CAPACITY / 2 };

/* How long a slow reader may take at the end. */
static const int64_t ending_time = 5 * SECOND;

bool writer_open(struct writer *w, int fd, int64_t deadline, struct error *error)
{
    *w = (struct writer){.outlet = outlet_of(fd), .data = malloc(CAPACITY), .deadline = deadline};
    return w->data || error_set(error, "out of memory");
}

void writer_close(struct writer *w)
{
    free(w->data);
    w->data = NULL;
}

static enum writer_state state_after(enum outlet_result result)
{
    return result == OUTLET_CLOSED      ? WRITER_CLOSED
           : result == OUTLET_TIMED_OUT ? WRITER_STUCK
                                        : WRITER_FAILED;
}

/* Waits until the reader has read something. */
static enum outlet_result wait_for_room(struct writer *w)
{
    for (;;) {
        enum outlet_result result =
            outlet_wait(&w->outlet, true, -1, w->ending ? -1 : stop_fd(), w->deadline, &w->error);
        bool over = result == OUTLET_STOPPED || result == OUTLET_TIMED_OUT;
        if (result == OUTLET_WOKEN)
            continue;
        if (!over || w->ending)
            return result;
        w->ending = true;
        w->deadline = clock_monotonic() + ending_time;
    }
}

static void write_out(struct writer *w)
{
    while (w->state == WRITER_OPEN && w->written < w->length) {
        size_t count = 0;
        enum outlet_result result = wait_for_room(w);
        if (result == OUTLET_READY)
            result =
                outlet_write(&w->outlet, w->data + w->written, w->length - w->written, &count, &w->error);
        if (result != OUTLET_READY)
            w->state = state_after(result);
        w->written += count;
    }
    w->length = w->written = 0;
}

void writer_put(void *writer, const void *data, size_t length)
{
    struct writer *w = writer;
    const char *from = data;
    while (length > 0 && w->state == WRITER_OPEN) {
        size_t room = CAPACITY - w->length, count = length < room ? length : room;
        memcpy(w->data + w->length, from, count);
        w->length += count;
        from += count;
        length -= count;
        if (w->length < CAPACITY)
            continue;
        w->split = true;
        write_out(w);
    }
}

bool writer_end_message(struct writer *w)
{
    if (w->split || w->length >= RATHER_FULL)
        write_out(w);
    w->split = false;
    return w->length == 0;
}

bool writer_flush(struct writer *w)
{
    write_out(w);
    return w->state == WRITER_OPEN;
}

void writer_discard(struct writer *w)
{
    w->length = 0;
}

bool writer_check(struct writer *w)
{
    /* A deadline that has passed: it does not wait. */
    enum outlet_result result = outlet_wait(&w->outlet, false, -1, -1, 1, &w->error);
    if (w->state == WRITER_OPEN && (result == OUTLET_CLOSED || result == OUTLET_FAILED))
        w->state = state_after(result);
    return w->state == WRITER_OPEN;
}
