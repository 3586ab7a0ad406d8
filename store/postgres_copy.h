/* Inside the PostgreSQL database: messages as rows of COPY ... WITH (FORMAT binary) (PostgreSQL's
 * documentation, COPY, "Binary Format"; the values as the types' send functions write them). */
#ifndef ROOMSTREAM_STORE_POSTGRES_COPY_H
#define ROOMSTREAM_STORE_POSTGRES_COPY_H

#include "database.h"
#include "postgres_wait.h"

/* Sends all messages of that kind as rows, after the server has answered with COPY_IN. False as for
 * postgres_copy_put. */
bool postgres_copy_messages(PGconn *connection, enum message_kind kind, const struct database_work *work,
                            const struct postgres_wait *wait, struct error *error);

/* The statement that begins the copy. */
const char *postgres_copy_statement(enum message_kind kind);

#endif
