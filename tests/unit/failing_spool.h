/* What the tests of a spool with failing system calls share: calls that fail on demand. Each test includes it
 * once. */
#ifndef ROOMSTREAM_TESTS_UNIT_FAILING_SPOOL_H
#define ROOMSTREAM_TESTS_UNIT_FAILING_SPOOL_H

#include "spool_folder.h"

#include "spool/position.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/uio.h>

/* ---- system calls that fail on demand: the linker redirects the spool's calls here ---- */

ssize_t __real_pwritev(int fd, const struct iovec *pieces, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *pieces, int count, off_t offset);
ssize_t __real_pread(int fd, void *buffer, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *buffer, size_t size, off_t offset);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t length);
int __wrap_ftruncate(int fd, off_t length);

static struct {
    size_t longest_write; /* a call writes no more bytes than this; 0: no limit */
    int64_t room;         /* so many bytes are written, then writes fail; -1: no limit */
    int write_error;      /* the errno with which they fail */
    bool interrupt;       /* every second call is interrupted */
    int read_error, sync_error, truncate_error; /* 0: they work */
    atomic_int syncs, writes;                   /* calls */
    atomic_bool hang, hanging;                  /* a write waits until it need not any more */
} faults;

static inline bool interrupted(void)
{
    static _Thread_local bool now;
    now = faults.interrupt && !now;
    if (now)
        errno = EINTR;
    return now;
}

ssize_t __wrap_pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    size_t length = 0, limit = SIZE_MAX;
    struct iovec copy[8];
    faults.writes++;
    faults.hanging = (bool)faults.hang;
    while (faults.hang)
        usleep(1000);
    if (interrupted())
        return -1;
    if (faults.longest_write > 0)
        limit = faults.longest_write;
    if (faults.room >= 0 && (uint64_t)faults.room < limit)
        limit = (size_t)faults.room;
    if (limit == 0) {
        errno = faults.write_error;
        return -1;
    }
    assert_in_range(count, 1, 8);
    for (int i = 0; i < count; i++) {
        copy[i] = pieces[i];
        if (copy[i].iov_len > limit - length)
            copy[i].iov_len = limit - length;
        length += copy[i].iov_len;
    }
    ssize_t written = __real_pwritev(fd, copy, count, offset);
    if (faults.room >= 0 && written > 0)
        faults.room -= written;
    return written;
}

ssize_t __wrap_pread(int fd, void *buffer, size_t size, off_t offset)
{
    if (interrupted())
        return -1;
    if (faults.read_error == 0)
        return __real_pread(fd, buffer,
                            faults.longest_write && faults.longest_write < size ? faults.longest_write : size,
                            offset);
    errno = faults.read_error;
    return -1;
}

int __wrap_fdatasync(int fd)
{
    if (interrupted())
        return -1;
    faults.syncs++;
    if (faults.sync_error == 0)
        return __real_fdatasync(fd);
    errno = faults.sync_error;
    return -1;
}

int __wrap_ftruncate(int fd, off_t length)
{
    if (interrupted())
        return -1;
    if (faults.truncate_error == 0)
        return __real_ftruncate(fd, length);
    errno = faults.truncate_error;
    return -1;
}

static inline void no_faults(void)
{
    faults.longest_write = 0;
    faults.room = -1;
    faults.interrupt = false;
    faults.read_error = faults.sync_error = faults.truncate_error = 0;
    faults.syncs = 0;
}

static inline int setup(void **state)
{
    no_faults();
    return setup_folder(state);
}

static inline int teardown(void **state)
{
    no_faults();
    return teardown_folder(state);
}

static inline void assert_append_fails(struct spool *spool, uint64_t number, const char *words)
{
    struct message message;
    struct error error;
    make_message(&message, number);
    assert_int_equal(spool_append(spool, &message.record, NULL, &error), SPOOL_FAILED);
    if (!strstr(error.text, words))
        fail_msg("'%s' is not in: %s", words, error.text);
}

static inline struct position saved_position(void)
{
    struct folder files;
    struct position position;
    assert_true(folder_open(&files, folder, false, NULL));
    assert_int_equal(position_read(&files, &position, NULL), POSITION_READ);
    folder_close(&files);
    return position;
}

#endif
