#include "screen.h"

#include "clock.h"
#include "event.h"
#include "stop.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int resized = -1; /* event */

bool screen_usable(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

bool screen_color(void)
{
    const char *no = getenv("NO_COLOR");
    return screen_usable() && !(no && *no);
}

void screen_size(size_t *columns, size_t *lines)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *columns = known && size.ws_col ? size.ws_col : 80;
    *lines = known && size.ws_row ? size.ws_row : 24;
}

static void on_resize(int signal)
{
    (void)signal;
    event_raise(resized);
}

static void put(const char *sequence)
{
    fputs(sequence, stdout);
    fflush(stdout);
}

void screen_begin(void)
{
    const struct sigaction action = {.sa_handler = on_resize, .sa_flags = SA_RESTART};
    resized = event_open();
    if (resized >= 0)
        sigaction(SIGWINCH, &action, NULL);
    put("\033[?1049h\033[?25l"); /* alternate screen, no cursor (xterm's control sequences) */
}

void screen_end(void)
{
    signal(SIGWINCH, SIG_DFL);
    if (resized >= 0)
        close(resized);
    put("\033[?25h\033[?1049l");
}

void screen_wait(int64_t ns)
{
    struct pollfd wait[] = {{.fd = stop_fd(), .events = POLLIN}, {.fd = resized, .events = POLLIN}};
    const struct timespec timeout = {.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
    if (ppoll(wait, 2, &timeout, NULL) > 0 && wait[1].revents)
        event_clear(resized);
}
