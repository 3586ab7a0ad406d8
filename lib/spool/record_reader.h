/* Reads the records of one file in order, in large pieces: no system call and no allocation per record. One
 * thread. */
#ifndef ROOMSTREAM_SPOOL_RECORD_READER_H
#define ROOMSTREAM_SPOOL_RECORD_READER_H

#include "record.h"

enum record_status {
    RECORD_WHOLE,
    RECORD_END,    /* there is nothing after the offset */
    RECORD_BAD,    /* there is no whole record with a right checksum */
    RECORD_FAILED, /* it cannot be read, or memory is exhausted: errno */
};

/* Zero-initialized is empty, apart from fd. */
struct record_reader {
    int fd;
    uint64_t seed;  /* record_seed of the file */
    int64_t offset; /* of the next record */
    uint8_t *buffer;
    size_t capacity;
    int64_t start; /* the buffer holds `length` bytes of the file from here on */
    size_t length;
};

/* Continues in another file at `offset`. The caller keeps the descriptor. */
void record_reader_open(struct record_reader *reader, int fd, uint64_t seed, int64_t offset);
void record_reader_free(struct record_reader *reader); /* keeps errno */

/* The record at the offset, which must end at or before `end`, and moves the offset behind it; anything but
 * RECORD_WHOLE leaves the offset. The record points into the buffer, until the next call. */
enum record_status record_reader_next(struct record_reader *reader, int64_t end, struct spool_record *record);

/* Is there only the beginning of a record between the offset and `end` of the file? That is what an
 * interrupted write leaves. False with *failed when it cannot be read. */
bool record_reader_is_torn(struct record_reader *reader, int64_t end, bool *failed);

/* Moves the offset on to the next whole record before `end` that has an id from `first` to `last`, byte by
 * byte: to find what follows a bad one. RECORD_WHOLE when it found one (the offset is then at its beginning),
 * RECORD_END, or RECORD_FAILED. */
enum record_status record_reader_search(struct record_reader *reader, int64_t end, uint64_t first,
                                        uint64_t last);

#endif
