#include "screen.h"

#include "clock.h"
#include "event.h"
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* xterm's control sequences: the alternate screen, and no cursor. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static int outdated = -1; /* event: what is shown must be drawn again */

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
    event_raise(outdated);
}

/* Also from a signal handler: not by stdio. */
static void put(const char *sequence)
{
    ssize_t written = write(STDOUT_FILENO, sequence, strlen(sequence));
    (void)written; /* whoever draws sees the error too */
}

static void on_suspend(int signal);

static void catch_suspend(void)
{
    const struct sigaction action = {.sa_handler = on_suspend,
                                     .sa_flags = SA_RESTART | SA_NODEFER | (int)SA_RESETHAND};
    sigaction(SIGTSTP, &action, NULL);
}

/* In the handler, because asking the bridges takes a while. */
static void on_suspend(int signal)
{
    int saved = errno;
    put(LEAVE);
    raise(signal);                       /* SA_RESETHAND: now it stops, until SIGCONT */
    tcsetpgrp(STDOUT_FILENO, getpgrp()); /* in the background (bg) this stops it again, by SIGTTOU */
    catch_suspend();
    put(ENTER);
    event_raise(outdated);
    errno = saved;
}

void screen_begin(void)
{
    const struct sigaction action = {.sa_handler = on_resize, .sa_flags = SA_RESTART};
    struct sigaction suspension;
    outdated = event_open();
    if (outdated >= 0)
        sigaction(SIGWINCH, &action, NULL);
    if (sigaction(SIGTSTP, NULL, &suspension) == 0 && suspension.sa_handler != SIG_IGN)
        catch_suspend();
    put(ENTER);
}

void screen_end(void)
{
    signal(SIGWINCH, SIG_DFL);
    signal(SIGTSTP, SIG_DFL);
    if (outdated >= 0)
        close(outdated);
    put(LEAVE);
}

void screen_wait(int64_t ns)
{
    struct pollfd wait[] = {{.fd = stop_fd(), .events = POLLIN}, {.fd = outdated, .events = POLLIN}};
    const struct timespec timeout = {.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
    if (ppoll(wait, 2, &timeout, NULL) > 0 && wait[1].revents)
        event_clear(outdated);
}
