/* The CSV file to read, as it is or, where it is a regular file, packed by gzip (RFC 1952). One thread. */
#ifndef ROOMSTREAM_PUBLISH_INPUT_H
#define ROOMSTREAM_PUBLISH_INPUT_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <zlib.h>

/* Called before each read: waits until fd can be read, or, with -1, does not wait as reading will not. False
 * ends the input there. */
typedef bool input_ready(void *context, int fd);

enum { INPUT_BUFFER_SIZE = 64 * 1024 };

struct input {
    int fd;
    char *name;    /* for messages */
    int64_t size;  /* bytes; -1 where it is not known, as of a pipe, from which reading may wait */
    int64_t start; /* offset of the first byte, where the size is known */
    input_ready *ready;
    void *context;
    gzFile file; /* a regular file, packed or not; NULL: a pipe */
    bool begun;  /* its beginning has been looked at */
    char buffer[INPUT_BUFFER_SIZE];
    size_t at, end; /* of a pipe: what is in buffer and not yet given out */
};

/* Opens the file; "-" is standard input. NULL looks for the data set: data/occupancy.csv and
 * data/occupancy-sample.csv in the current directory, then in the checkout or the installation that the
 * program is part of. False with *error when it cannot be opened. */
bool input_open(struct input *input, const char *file, input_ready *ready, void *context,
                struct error *error);
void input_close(struct input *input);

/* A csv_reader_source; the context is the input. A file packed by another program, or by gzip in a pipe, is
 * an error that names the command to unpack it. */
ssize_t input_read(void *input, void *buffer, size_t size, struct error *error);

/* Writes what identifies the content as `name = value` lines: the size and a checksum of the
 * beginning; nothing where the size is not known. */
void input_describe(const struct input *input, FILE *out);

/* Goes back to where reading began, where the size is known. False with *error when that fails. */
bool input_rewind(struct input *input, struct error *error);

/* The part of the input, from 0 to 1, that its first `bytes` bytes are (unpacked); -1 when the size is not
 * known. */
double input_part(const struct input *input, uint64_t bytes);

#endif
