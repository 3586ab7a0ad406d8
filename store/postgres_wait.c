#include "postgres_wait.h"

#include "core/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* Waits until the connection's socket is ready for the events. */
static bool wait_for(PGconn *connection, short events, const struct postgres_wait *wait, struct error *error)
{
    struct pollfd fds[] = {{.fd = PQsocket(connection), .events = events},
                           {.fd = wait->stop, .events = POLLIN}};
    int64_t deadline = clock_monotonic() + wait->timeout;
    for (;;) {
        int64_t left = deadline - clock_monotonic();
        int count = poll(fds, 2, left > 0 ? (int)(left / MILLISECOND + 1) : 0);
        if (count > 0 && fds[1].revents)
            return error_set(error, "stopping was asked for");
        if (count > 0)
            return true;
        if (count < 0 && errno != EINTR)
            return error_set(error, "cannot wait for the database: %s", strerror(errno));
        if (left <= 0)
            return error_set(error, "it has not answered for %lld s (see --database-timeout)",
                             (long long)(wait->timeout / SECOND));
    }
}

/* libpq's message, on one line. */
static bool set_lost(PGconn *connection, struct error *error)
{
    char text[800] = "";
    const char *message = PQerrorMessage(connection);
    for (size_t i = 0; message[i] && i < sizeof text - 1; i++)
        text[i] = message[i] == '\n' || message[i] == '\t' ? ' ' : message[i];
    for (size_t length = strlen(text); length > 0 && text[length - 1] == ' ';)
        text[--length] = '\0';
    return error_set(error, "%s", *text ? text : "the connection was lost");
}

PGconn *postgres_connect(const char *const *names, const char *const *values,
                         const struct postgres_wait *wait, struct error *error)
{
    PGconn *connection = PQconnectStartParams(names, values, 1);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    bool ok = connection && (PQstatus(connection) != CONNECTION_BAD || set_lost(connection, error));
    if (!connection)
        error_set(error, "out of memory");
    while (ok && state != PGRES_POLLING_OK) {
        ok = wait_for(connection, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, wait, error);
        if (ok && (state = PQconnectPoll(connection)) == PGRES_POLLING_FAILED)
            ok = set_lost(connection, error);
    }
    if (ok && PQsetnonblocking(connection, 1) != 0)
        ok = set_lost(connection, error);
    if (ok)
        return connection;
    PQfinish(connection);
    return NULL;
}

/* Sends what libpq holds. What comes meanwhile is read, or the server might wait for us. */
static bool flush(PGconn *connection, const struct postgres_wait *wait, struct error *error)
{
    int left;
    while ((left = PQflush(connection)) > 0)
        if (!wait_for(connection, POLLIN | POLLOUT, wait, error) ||
            (!PQconsumeInput(connection) && !set_lost(connection, error)))
            return false;
    return left == 0 || set_lost(connection, error);
}

static bool next_result(PGconn *connection, const struct postgres_wait *wait, PGresult **result,
                        struct error *error)
{
    while (PQisBusy(connection))
        if (!wait_for(connection, POLLIN, wait, error) ||
            (!PQconsumeInput(connection) && !set_lost(connection, error)))
            return false;
    *result = PQgetResult(connection);
    return true;
}

static bool is_failure(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

PGresult *postgres_result(PGconn *connection, const struct postgres_wait *wait, struct error *error)
{
    PGresult *kept = NULL, *result;
    if (!flush(connection, wait, error))
        return NULL;
    for (;;) {
        if (!next_result(connection, wait, &result, error))
            break;
        if (!result && kept && PQstatus(connection) == CONNECTION_OK)
            return kept;
        if (!result) {
            set_lost(connection, error);
            break;
        }
        if (kept && is_failure(kept)) {
            PQclear(result);
            continue;
        }
        PQclear(kept);
        kept = result;
        /* Nothing more comes before the data were sent. */
        if (PQresultStatus(kept) == PGRES_COPY_IN)
            return kept;
    }
    PQclear(kept);
    return NULL;
}

PGresult *postgres_query(PGconn *connection, const char *sql, const struct postgres_wait *wait,
                         struct error *error)
{
    if (PQsendQuery(connection, sql))
        return postgres_result(connection, wait, error);
    set_lost(connection, error);
    return NULL;
}

PGresult *postgres_query_with(PGconn *connection, const char *sql, int count, const char *const *values,
                              const struct postgres_wait *wait, struct error *error)
{
    if (PQsendQueryParams(connection, sql, count, NULL, values, NULL, NULL, 0))
        return postgres_result(connection, wait, error);
    set_lost(connection, error);
    return NULL;
}

bool postgres_copy_put(PGconn *connection, const void *bytes, size_t length, const struct postgres_wait *wait,
                       struct error *error)
{
    int put;
    while ((put = PQputCopyData(connection, bytes, (int)length)) == 0)
        if (!flush(connection, wait, error))
            return false;
    return (put > 0 && flush(connection, wait, error)) || set_lost(connection, error);
}

bool postgres_copy_end(PGconn *connection, const struct postgres_wait *wait, struct error *error)
{
    int put;
    while ((put = PQputCopyEnd(connection, NULL)) == 0)
        if (!flush(connection, wait, error))
            return false;
    return put > 0 || set_lost(connection, error);
}
