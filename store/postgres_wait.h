/* Inside the PostgreSQL database: libpq's calls that wait, with a limit, and an end when stopping is asked
 * for. */
#ifndef ROOMSTREAM_STORE_POSTGRES_WAIT_H
#define ROOMSTREAM_STORE_POSTGRES_WAIT_H

#include "core/error.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct postgres_wait {
    int64_t timeout; /* ns without progress */
    int stop;        /* readable: end at once; -1: never */
};

/* A connection that is made, or NULL with *error. The parameters are as for PQconnectStartParams. */
PGconn *postgres_connect(const char *const *names, const char *const *values,
                         const struct postgres_wait *wait, struct error *error);

/* The one result of what was sent, the caller's to PQclear; NULL with *error when the connection is lost or
 * the time is up. Of several statements it is the last one's, or that of the first that failed. */
PGresult *postgres_result(PGconn *connection, const struct postgres_wait *wait, struct error *error);

/* Sends simple statements, or one with parameters in binary form, and takes the result as above. */
PGresult *postgres_query(PGconn *connection, const char *sql, const struct postgres_wait *wait,
                         struct error *error);
PGresult *postgres_query_with(PGconn *connection, const char *sql, int count, const char *const *values,
                              const struct postgres_wait *wait, struct error *error);

/* In COPY: sends bytes. False with *error when the connection is lost, the time is up or the server has
 * refused (its reason is the result of postgres_copy_end). */
bool postgres_copy_put(PGconn *connection, const void *bytes, size_t length, const struct postgres_wait *wait,
                       struct error *error);

/* Ends COPY; then postgres_result. False as above. */
bool postgres_copy_end(PGconn *connection, const struct postgres_wait *wait, struct error *error);

#endif
