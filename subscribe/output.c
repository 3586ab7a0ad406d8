#include "output.h"

#include "core/clock.h"
#include "core/event.h"
#include "core/outlet.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long the next batch gathers after one was written. */
static const int64_t gathering_time = 1 * MILLISECOND;

struct buffer {
    char *data;
    size_t length;
};

struct output {
    struct outlet outlet;
    size_t capacity; /* of each buffer */
    int event;       /* readable when the writing thread should look again */

    pthread_mutex_t mutex; /* guards what follows up to the blank line */
    pthread_cond_t room;
    struct buffer filling; /* the producer's own, without the lock, while in_message and not waiting */
    bool in_message, waiting, finished, aborted;
    bool idle; /* the writing thread waits for the event */

    struct buffer writing; /* the writing thread's own */
    size_t written;        /* of it */
};

struct output *output_open(int fd, size_t buffer_bytes, struct error *error)
{
    struct output *o = calloc(1, sizeof *o);
    if (!o) {
        error_set(error, "out of memory");
        return NULL;
    }
    o->outlet = outlet_of(fd);
    o->capacity = buffer_bytes;
    pthread_mutex_init(&o->mutex, NULL);
    pthread_cond_init(&o->room, NULL);
    o->filling.data = malloc(buffer_bytes);
    o->writing.data = malloc(buffer_bytes);
    o->event = event_open();
    if (o->filling.data && o->writing.data && o->event >= 0)
        return o;
    error_set(error, "cannot make a buffer of 2 x %zu bytes: %s", buffer_bytes, strerror(errno));
    output_close(o);
    return NULL;
}

void output_close(struct output *o)
{
    if (!o)
        return;
    if (o->event >= 0)
        close(o->event);
    free(o->writing.data);
    free(o->filling.data);
    pthread_cond_destroy(&o->room);
    pthread_mutex_destroy(&o->mutex);
    free(o);
}

/* With the lock held. */
static void wake_writer(struct output *o)
{
    o->idle = false;
    event_raise(o->event);
}

/* ---- the producer ---- */

bool output_begin(struct output *o)
{
    pthread_mutex_lock(&o->mutex);
    bool begun = o->in_message = !o->finished;
    pthread_mutex_unlock(&o->mutex);
    return begun;
}

/* Waits until the full buffer was taken over. False: it never will be. */
static bool wait_for_room(struct output *o)
{
    pthread_mutex_lock(&o->mutex);
    o->waiting = true;
    wake_writer(o);
    while (o->filling.length == o->capacity && !o->aborted)
        pthread_cond_wait(&o->room, &o->mutex);
    o->waiting = false;
    bool room = o->filling.length < o->capacity;
    pthread_mutex_unlock(&o->mutex);
    return room;
}

void output_write(struct output *o, const void *data, size_t length)
{
    const char *from = data;
    while (length > 0) {
        size_t room = o->capacity - o->filling.length;
        size_t count = length < room ? length : room;
        if (room == 0 && !wait_for_room(o))
            return;
        memcpy(o->filling.data + o->filling.length, from, count);
        o->filling.length += count;
        from += count;
        length -= count;
    }
}

void output_end(struct output *o)
{
    pthread_mutex_lock(&o->mutex);
    o->in_message = false;
    if (o->idle)
        wake_writer(o);
    pthread_mutex_unlock(&o->mutex);
}

/* ---- any thread ---- */

void output_finish(struct output *o)
{
    pthread_mutex_lock(&o->mutex);
    o->finished = true;
    wake_writer(o);
    pthread_mutex_unlock(&o->mutex);
}

void output_abort(struct output *o)
{
    pthread_mutex_lock(&o->mutex);
    o->finished = o->aborted = true;
    pthread_cond_signal(&o->room);
    wake_writer(o);
    pthread_mutex_unlock(&o->mutex);
}

/* ---- the writing thread ---- */

static bool nothing_left(const struct output *o)
{
    return o->written == o->writing.length;
}

/* Takes over what was produced where nothing is left to write. False when there will never be more. */
static bool take(struct output *o)
{
    pthread_mutex_lock(&o->mutex);
    if (nothing_left(o) && (!o->in_message || o->waiting)) {
        struct buffer empty = {.data = o->writing.data};
        o->writing = o->filling;
        o->filling = empty;
        o->written = 0;
        pthread_cond_signal(&o->room);
    }
    o->idle = nothing_left(o);
    bool ended = o->idle && o->finished && !o->in_message;
    pthread_mutex_unlock(&o->mutex);
    return !ended;
}

static enum output_result ended(enum outlet_result result)
{
    return result == OUTLET_STOPPED     ? OUTPUT_STOPPED
           : result == OUTLET_TIMED_OUT ? OUTPUT_TIMED_OUT
           : result == OUTLET_CLOSED    ? OUTPUT_CLOSED
                                        : OUTPUT_FAILED;
}

enum output_result output_relay(struct output *o, int stop_fd, int64_t deadline, struct error *error)
{
    int64_t gathered = 0; /* while a batch gathers: until when */
    while (gathered || take(o)) {
        size_t left = o->writing.length - o->written, written;
        bool gathers = gathered && (!deadline || gathered < deadline);
        enum outlet_result result =
            outlet_wait(&o->outlet, left > 0, o->event, stop_fd, gathers ? gathered : deadline, error);
        gathered = 0;
        if (result == OUTLET_WOKEN)
            event_clear(o->event);
        if (result == OUTLET_WOKEN || (result == OUTLET_TIMED_OUT && gathers))
            continue;
        if (result == OUTLET_READY)
            result = outlet_write(&o->outlet, o->writing.data + o->written, left, &written, error);
        if (result != OUTLET_READY)
            return ended(result);
        o->written += written;
        if (nothing_left(o))
            gathered = clock_monotonic() + gathering_time;
    }
    return OUTPUT_FINISHED;
}
