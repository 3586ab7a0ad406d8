#include "lines.h"

#include "core/clock.h"
#include "core/stop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CAPACITY_AT_FIRST = 256 * 1024 };

bool lines_open(struct lines *l, int fd, const char *name, const void *delimiter, size_t delimiter_length,
                size_t longest, struct error *error)
{
    *l = (struct lines){
        .fd = fd,
        .name = name,
        .delimiter = delimiter,
        .delimiter_length = delimiter_length,
        .longest = longest,
        .capacity = CAPACITY_AT_FIRST,
        .data = malloc(CAPACITY_AT_FIRST),
    };
    return l->data || error_set(error, "out of memory");
}

void lines_close(struct lines *l)
{
    free(l->data);
}

bool lines_partial(const struct lines *l)
{
    return l->end > l->begin || l->skipped > 0;
}

/* Returns the line that ends at `end`; the next one begins at `next`. */
static enum lines_result cut(struct lines *l, size_t end, size_t next, const char **line, size_t *length)
{
    bool too_long = l->skipped > 0 || end - l->begin > l->longest;
    *line = l->data + l->begin;
    *length = l->skipped + end - l->begin;
    l->begin = l->searched = next;
    l->skipped = 0;
    l->number++;
    return too_long ? LINES_TOO_LONG : LINES_ONE;
}

/* Finds the next delimiter; NULL when it is not read yet. */
static const char *find_delimiter(struct lines *l)
{
    if (l->delimiter_length == 0) {
        l->searched = l->end;
        return NULL;
    }
    const char *at = memmem(l->data + l->searched, l->end - l->searched, l->delimiter, l->delimiter_length);
    size_t tail = l->delimiter_length - 1; /* may be the beginning of one */
    if (!at && l->end - l->searched > tail)
        l->searched = l->end - tail;
    return at;
}

/* Drops the searched part of a line that is too long. */
static void skip(struct lines *l)
{
    if (l->skipped == 0 && l->searched - l->begin <= l->longest)
        return;
    l->skipped += l->searched - l->begin;
    l->begin = l->searched;
}

/* Makes room after `end`. */
static bool make_room(struct lines *l, struct error *error)
{
    if (l->begin > 0) {
        memmove(l->data, l->data + l->begin, l->end - l->begin);
        l->end -= l->begin;
        l->searched -= l->begin;
        l->begin = 0;
    }
    if (l->end < l->capacity)
        return true;
    char *data = realloc(l->data, 2 * l->capacity);
    if (!data)
        return error_set(error, "out of memory for line %ju of %zu bytes", (uintmax_t)l->number + 1, l->end);
    l->data = data;
    l->capacity *= 2;
    return true;
}

static enum lines_result read_more(struct lines *l, int64_t timeout, struct error *error)
{
    struct pollfd fds[] = {{.fd = stop_fd(), .events = POLLIN}, {.fd = l->fd, .events = POLLIN}};
    struct timespec limit = {.tv_sec = timeout / SECOND, .tv_nsec = timeout % SECOND};
    int ready = ppoll(fds, 2, &limit, NULL);
    if (ready <= 0)
        return LINES_WAITING;
    if (fds[0].revents)
        return LINES_STOPPED;
    if (!make_room(l, error))
        return LINES_FAILED;
    ssize_t count = read(l->fd, l->data + l->end, l->capacity - l->end);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return LINES_WAITING;
    if (count < 0) {
        error_set(error, "cannot read %s: %s", l->name, strerror(errno));
        return LINES_FAILED;
    }
    l->at_end = count == 0;
    l->end += (size_t)count;
    l->bytes += (uint64_t)count;
    return LINES_ONE;
}

enum lines_result lines_next(struct lines *l, int64_t timeout, const char **line, size_t *length,
                             struct error *error)
{
    for (;;) {
        const char *delimiter = find_delimiter(l);
        if (delimiter) {
            size_t end = (size_t)(delimiter - l->data);
            return cut(l, end, end + l->delimiter_length, line, length);
        }
        skip(l);
        if (l->at_end)
            return lines_partial(l) ? cut(l, l->end, l->end, line, length) : LINES_END;
        enum lines_result result = read_more(l, timeout, error);
        if (result != LINES_ONE)
            return result;
    }
}
