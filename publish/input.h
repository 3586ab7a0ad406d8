/* The CSV file to read. */
#ifndef ROOMSTREAM_INPUT_H
#define ROOMSTREAM_INPUT_H

#include "error.h"

#include <stdint.h>

struct input {
    int fd;
    char *name;   /* for messages */
    int64_t size; /* bytes; -1 where it is not known, as of a pipe, from which reading may wait */
};

/* Opens the file; "-" is standard input. NULL looks for the data set: data/occupancy.csv and
 * data/occupancy-sample.csv in the current directory, then in the checkout or the installation that the
 * program is part of. False with *error when it cannot be opened. */
bool input_open(struct input *input, const char *file, struct error *error);
void input_close(struct input *input);

#endif
