#include "outlet.h"

#include "clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct outlet outlet_of(int fd)
{
    struct stat status;
    /* pipe(7): with PIPE_BUF bytes at most, a write does not block where poll reports room. A file never
     * does. */
    bool file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    return (struct outlet){fd, file ? SSIZE_MAX : PIPE_BUF};
}

/* ppoll() until a deadline (monotonic ns, 0: none). */
static void wait_for_any(struct pollfd *fds, nfds_t count, int64_t deadline)
{
    int64_t left = deadline ? deadline - clock_monotonic() : 0;
    struct timespec timeout = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    if (left < 0)
        timeout = (struct timespec){0};
    if (ppoll(fds, count, deadline ? &timeout : NULL, NULL) < 0)
        for (nfds_t i = 0; i < count; i++)
            fds[i].revents = 0; /* interrupted: the caller checks everything again */
}

enum outlet_result outlet_wait(const struct outlet *outlet, bool ready, int event, int stop_fd,
                               int64_t deadline, struct error *error)
{
    struct pollfd fds[] = {{.fd = outlet->fd, .events = ready ? POLLOUT : 0},
                           {.fd = stop_fd, .events = POLLIN},
                           {.fd = event, .events = POLLIN}};
    wait_for_any(fds, 3, deadline);
    if (fds[0].revents & POLLNVAL) {
        error_set(error, "cannot write the output: it is closed");
        return OUTLET_FAILED;
    }
    if (fds[0].revents & (POLLERR | POLLHUP))
        return OUTLET_CLOSED;
    if (fds[1].revents)
        return OUTLET_STOPPED;
    if (deadline && clock_monotonic() >= deadline)
        return OUTLET_TIMED_OUT;
    return fds[0].revents & POLLOUT ? OUTLET_READY : OUTLET_WOKEN;
}

enum outlet_result outlet_write(const struct outlet *outlet, const void *data, size_t length, size_t *written,
                                struct error *error)
{
    ssize_t count = write(outlet->fd, data, length < outlet->piece_bytes ? length : outlet->piece_bytes);
    *written = count > 0 ? (size_t)count : 0;
    if (count >= 0 || errno == EAGAIN || errno == EINTR)
        return OUTLET_READY;
    error_set(error, "cannot write the output: %s", strerror(errno));
    return errno == EPIPE ? OUTLET_CLOSED : OUTLET_FAILED;
}
