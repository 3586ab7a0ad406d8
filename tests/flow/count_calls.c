/* Preloaded into a program (LD_PRELOAD), counts what it asks of the heap and of the kernel, libraries
 * included, and at its end writes "allocations=N calls=N" into the file that COUNT_CALLS_FILE names. The
 * calls are those that move messages, or wait for them. For test_cost.py; glibc only. */
#include <dlfcn.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_ulong allocations, calls;

/* ---- the heap: glibc's own names, since dlsym itself may allocate ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_realloc(old, size);
}

/* ---- the kernel ---- */

#define COUNT(result, name, parameters, arguments)                                                           \
    result name parameters                                                                                   \
    {                                                                                                        \
        static _Atomic(void *) next;                                                                         \
        void *function = atomic_load(&next);                                                                 \
        if (!function)                                                                                       \
            atomic_store(&next, function = dlsym(RTLD_NEXT, #name));                                         \
        atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);                                          \
        union {                                                                                              \
            void *object;                                                                                    \
            result(*call) parameters;                                                                        \
        } as = {function};                                                                                   \
        return as.call arguments;                                                                            \
    }

COUNT(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
COUNT(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
COUNT(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
COUNT(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
COUNT(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
COUNT(ssize_t, pread, (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset))
COUNT(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
COUNT(ssize_t, writev, (int fd, const struct iovec *pieces, int count), (fd, pieces, count))
COUNT(ssize_t, pwritev, (int fd, const struct iovec *pieces, int count, off_t offset),
      (fd, pieces, count, offset))
COUNT(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))
COUNT(int, ppoll, (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
      (fds, count, timeout, mask))

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("COUNT_CALLS_FILE");
    FILE *file = path ? fopen(path, "we") : NULL;
    if (!file)
        return;
    fprintf(file, "allocations=%lu calls=%lu\n", atomic_load(&allocations), atomic_load(&calls));
    fclose(file);
}
