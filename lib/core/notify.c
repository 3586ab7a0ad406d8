#include "notify.h"

#include "clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *socket_name(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    return name && *name ? name : NULL;
}

bool notify_wanted(void)
{
    return socket_name() != NULL;
}

/* A path, or after an '@' a name in Linux's abstract namespace (unix(7)). Returns the address's length, 0
 * when it does not fit. */
static socklen_t make_address(const char *name, struct sockaddr_un *address)
{
    size_t length = strlen(name);
    if ((*name != '/' && *name != '@') || length >= sizeof address->sun_path)
        return 0;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, length);
    if (*name == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*name == '/'));
}

static bool send_text(const char *name, const char *text)
{
    const struct timeval longest = {.tv_sec = 1};
    struct sockaddr_un address;
    socklen_t length = make_address(name, &address);
    if (length == 0) {
        errno = EAFNOSUPPORT;
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool sent = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest) == 0 &&
                sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, length) >= 0;
    int reason = errno;
    close(fd);
    errno = reason;
    return sent;
}

bool notify(struct error *error, const char *format, ...)
{
    const char *name = socket_name();
    char text[2048];
    if (!name)
        return true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return send_text(name, text) ||
           error_set(error, "cannot tell the service manager at NOTIFY_SOCKET=%s the state: %s", name,
                     strerror(errno));
}

int64_t notify_watchdog(void)
{
    const char *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!notify_wanted() || !interval || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    long long microseconds = strtoll(interval, NULL, 10);
    return microseconds > 0 && microseconds < INT64_MAX / MICROSECOND ? microseconds * MICROSECOND : 0;
}
