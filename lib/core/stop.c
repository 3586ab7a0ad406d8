#include "stop.h"

#include "clock.h"
#include "event.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_bool requested, signalled;
static int event = -1;

void stop_request(void)
{
    atomic_store(&requested, true);
    event_raise(event); /* before stop_init there is none, and no thread waits */
}

static void on_signal(int signal)
{
    if (atomic_exchange(&signalled, true))
        _exit(128 + signal);
    stop_request();
}

void stop_init(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    event = event_open();
    if (event < 0)
        abort(); /* no descriptor left at start: nothing could work */
    if (atomic_load(&requested))
        event_raise(event);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool stop_requested(void)
{
    return atomic_load(&requested);
}

int stop_fd(void)
{
    return event;
}

bool stop_wait(int64_t ns)
{
    int64_t now = clock_monotonic(), left;
    int64_t deadline = ns < INT64_MAX - now ? now + ns : INT64_MAX;
    while (!stop_requested() && (left = deadline - clock_monotonic()) > 0) {
        struct pollfd wait = {.fd = event, .events = POLLIN};
        struct timespec timeout = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
        ppoll(&wait, 1, &timeout, NULL);
    }
    return stop_requested();
}
