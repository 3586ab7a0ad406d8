/* Whole reads and writes of files: interrupted and short calls are continued. All return false with errno
 * set. */
#ifndef ROOMSTREAM_SPOOL_FILE_H
#define ROOMSTREAM_SPOOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Writes all of the pieces at `offset` with one pwritev() in the common case. Changes *pieces. After a
 * failure part of them may be in the file. */
bool file_write(int fd, struct iovec *pieces, int count, int64_t offset);

/* Reads up to `size` bytes at `offset`, fewer only at the end of the file; *length is how many. */
bool file_read(int fd, void *buffer, size_t size, int64_t offset, size_t *length);

bool file_truncate(int fd, int64_t length);

/* Makes the content durable (fdatasync). */
bool file_sync(int fd);

/* The file's length in bytes. */
bool file_length(int fd, int64_t *length);

/* Closes the descriptor, and keeps errno. -1 is allowed. */
void file_close(int fd);

#endif
