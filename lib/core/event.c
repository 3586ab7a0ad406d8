#include "event.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int event_open(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void event_raise(int event)
{
    const uint64_t one = 1;
    int saved = errno;
    ssize_t written = write(event, &one, sizeof one);
    (void)written; /* it fails only where the counter is full: already raised */
    errno = saved;
}

void event_clear(int event)
{
    uint64_t count;
    ssize_t taken = read(event, &count, sizeof count);
    (void)taken; /* one read takes everything; where there is nothing it fails at once */
}
