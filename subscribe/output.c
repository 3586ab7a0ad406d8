#include "output.h"

#include "clock.h"
#include "event.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long the next batch gathers after one was written. */
static const int64_t gathering_time = 1 * MILLISECOND;

struct buffer {
    char *data;
    size_t length;
};

struct output {
    int fd;
    size_t write_bytes; /* most that one write takes without blocking, once poll says that there is room */
    size_t capacity;    /* of each buffer */
    int event;          /* readable when the writing thread should look again */

    pthread_mutex_t mutex; /* guards what follows up to the blank line */
    pthread_cond_t room;
    struct buffer filling;
    bool in_message, finished, aborted;
    bool idle; /* the writing thread waits for the event */

    struct buffer writing; /* the writing thread's own */
    size_t written;        /* of it */
};

struct output *output_open(int fd, size_t buffer_bytes, struct error *error)
{
    struct stat status;
    struct output *o = calloc(1, sizeof *o);
    if (!o) {
        error_set(error, "out of memory");
        return NULL;
    }
    o->fd = fd;
    o->capacity = buffer_bytes;
    /* pipe(7): with PIPE_BUF bytes at most, a write does not block where poll reports room. A file never
     * does. */
    o->write_bytes = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? buffer_bytes : PIPE_BUF;
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

void output_write(struct output *o, const void *data, size_t length)
{
    const char *from = data;
    pthread_mutex_lock(&o->mutex);
    while (length > 0 && !o->aborted) {
        size_t room = o->capacity - o->filling.length;
        size_t count = length < room ? length : room;
        if (room == 0) {
            wake_writer(o);
            pthread_cond_wait(&o->room, &o->mutex);
            continue;
        }
        memcpy(o->filling.data + o->filling.length, from, count);
        o->filling.length += count;
        from += count;
        length -= count;
    }
    pthread_mutex_unlock(&o->mutex);
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
    if (nothing_left(o)) {
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

/* Writes one piece. False where the descriptor takes no more, with *result set. */
static bool write_piece(struct output *o, enum output_result *result, struct error *error)
{
    size_t left = o->writing.length - o->written;
    ssize_t count = write(o->fd, o->writing.data + o->written, left < o->write_bytes ? left : o->write_bytes);
    if (count >= 0) {
        o->written += (size_t)count;
        return true;
    }
    if (errno == EAGAIN || errno == EINTR)
        return true;
    *result = errno == EPIPE ? OUTPUT_CLOSED : OUTPUT_FAILED;
    return error_set(error, "cannot write the output: %s", strerror(errno));
}

/* poll() until a deadline (monotonic ns, 0: none). */
static void wait_for_any(struct pollfd *fds, nfds_t count, int64_t deadline)
{
    int64_t left = deadline ? deadline - clock_monotonic() : 0;
    struct timespec timeout = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    if (left < 0)
        timeout = (struct timespec){0};
    if (ppoll(fds, count, deadline ? &timeout : NULL, NULL) < 0)
        for (nfds_t i = 0; i < count; i++)
            fds[i].revents = 0; /* interrupted: the caller looks at everything again */
}

enum output_result output_relay(struct output *o, int stop_fd, int64_t deadline, struct error *error)
{
    enum output_result result = OUTPUT_FINISHED;
    int64_t gathered = 0; /* while a batch gathers: until when */
    while (gathered || take(o)) {
        struct pollfd stop = {.fd = stop_fd, .events = POLLIN}, event = {.fd = o->event, .events = POLLIN};
        struct pollfd out = {.fd = o->fd, .events = nothing_left(o) ? 0 : POLLOUT};
        struct pollfd fds[] = {stop, event, out};
        bool gathers_first = gathered && (!deadline || gathered < deadline);
        wait_for_any(fds, 3, gathers_first ? gathered : deadline);
        gathered = 0;
        if (fds[1].revents)
            event_clear(o->event);
        if (fds[2].revents & POLLNVAL) {
            error_set(error, "cannot write the output: it is closed");
            return OUTPUT_FAILED;
        }
        if (fds[2].revents & (POLLERR | POLLHUP))
            return OUTPUT_CLOSED;
        if (fds[0].revents)
            return OUTPUT_STOPPED;
        if (deadline && clock_monotonic() >= deadline)
            return OUTPUT_TIMED_OUT;
        if (!(fds[2].revents & POLLOUT))
            continue;
        if (!write_piece(o, &result, error))
            return result;
        if (nothing_left(o))
            gathered = clock_monotonic() + gathering_time;
    }
    return result;
}
