#include "file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_write(int fd, struct iovec *pieces, int count, int64_t offset)
{
    while (count > 0) {
        if (pieces->iov_len == 0) {
            pieces++;
            count--;
            continue;
        }
        ssize_t written = pwritev(fd, pieces, count, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written == 0)
            errno = EIO;
        if (written <= 0)
            return false;
        offset += written;
        while (count > 0 && (size_t)written >= pieces->iov_len) {
            written -= (ssize_t)pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + written;
            pieces->iov_len -= (size_t)written;
        }
    }
    return true;
}

bool file_read(int fd, void *buffer, size_t size, int64_t offset, size_t *length)
{
    *length = 0;
    while (*length < size) {
        ssize_t got = pread(fd, (char *)buffer + *length, size - *length, offset + (int64_t)*length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *length += (size_t)got;
    }
    return true;
}

bool file_truncate(int fd, int64_t length)
{
    int rc;
    do
        rc = ftruncate(fd, length);
    while (rc < 0 && errno == EINTR);
    return rc == 0;
}

bool file_sync(int fd)
{
    int rc;
    do
        rc = fdatasync(fd);
    while (rc < 0 && errno == EINTR);
    return rc == 0;
}

bool file_length(int fd, int64_t *length)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return false;
    *length = status.st_size;
    return true;
}

void file_close(int fd)
{
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
}
