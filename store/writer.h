/* The thread that writes batches to the database, and waits for a database that is away. It never guesses:
 * after a write without an answer it reads the positions in the database. A batch that does not fit behind
 * them is dropped, and read from Kafka again. */
#ifndef ROOMSTREAM_STORE_WRITER_H
#define ROOMSTREAM_STORE_WRITER_H

#include "database.h"
#include "handover.h"
#include "progress.h"

struct writer;

/* Begins to write what is handed over. Both outlive the writer. NULL with *error when there is no thread to
 * be had. */
struct writer *writer_open(const struct database_kind *kind, const struct database_settings *settings,
                           struct handover *handover, struct progress *progress, struct error *error);

/* Was the database at its first connection not ours? Then it has asked the program to stop. */
bool writer_failed(const struct writer *writer);

/* Waits up to `ns` for the work at hand after handover_end, then gives it up: it is read again after the next
 * start. */
void writer_close(struct writer *writer, int64_t ns);

#endif
