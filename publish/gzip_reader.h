/* Unpacks a gzip file (RFC 1952; zlib) as a stream, all members of it one after the other. One thread. */
#ifndef ROOMSTREAM_GZIP_READER_H
#define ROOMSTREAM_GZIP_READER_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the packed bytes come from, as a csv_reader_source; and *data stays valid until the next call. */
typedef ssize_t gzip_reader_source(void *context, const void **data, struct error *error);

struct gzip_reader;

/* True when a file that begins with these bytes is a gzip file. */
enum { GZIP_MAGIC_LENGTH = 2 };
bool gzip_reader_knows(const void *data, size_t length);

/* NULL with *error when memory is exhausted. */
struct gzip_reader *gzip_reader_new(gzip_reader_source *source, void *context, struct error *error);
void gzip_reader_free(struct gzip_reader *reader);

/* Unpacks up to `size` bytes: their count, 0 at the end, -1 with *error where the file is damaged or cut off
 * (the text says at which byte of it), or cannot be read. What came before is given out first. */
ssize_t gzip_reader_read(struct gzip_reader *reader, void *buffer, size_t size, struct error *error);

/* Begins anew, as the source does. */
void gzip_reader_rewind(struct gzip_reader *reader);

/* How many bytes of the packed file stand for so many bytes from the beginning of what it holds: a guess, but
 * for all that has been read. */
uint64_t gzip_reader_packed(const struct gzip_reader *reader, uint64_t unpacked);

#endif
