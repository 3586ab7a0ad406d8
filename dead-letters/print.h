/* A dead letter on standard output. False where it cannot be written. */
#ifndef ROOMSTREAM_DEAD_LETTERS_PRINT_H
#define ROOMSTREAM_DEAD_LETTERS_PRINT_H

#include "spool/spool.h"

/* A line for people: id, time, size of the payload, topic and reason, with tabs between. */
bool print_line(const struct spool_record *letter);

/* A line of JSON, which has all of it. */
bool print_json(const struct spool_record *letter);

#endif
