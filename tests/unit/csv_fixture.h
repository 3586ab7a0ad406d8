/* What the tests of CSV share: a file in memory, which is read in pieces. */
#ifndef ROOMSTREAM_TESTS_UNIT_CSV_FIXTURE_H
#define ROOMSTREAM_TESTS_UNIT_CSV_FIXTURE_H

#include "core_fixture.h"

#include "publish/csv_reader.h"

struct memory_file {
    const char *data;
    size_t length, at;
    size_t piece; /* most bytes a read */
};

/* The csv_reader_source of a memory_file. */
static inline ssize_t memory_read(void *context, void *buffer, size_t size, struct error *error)
{
    (void)error;
    struct memory_file *file = context;
    size_t count = file->length - file->at;
    count = count < file->piece ? count : file->piece;
    count = count < size ? count : size;
    memcpy(buffer, file->data + file->at, count);
    file->at += count;
    return (ssize_t)count;
}

#define MEMORY_FILE(literal)                                                                                 \
    {                                                                                                        \
        .data = (literal), .length = sizeof(literal) - 1, .piece = SIZE_MAX                                  \
    }

#endif
