#include "position.h"

#include "bench.h"

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct bench_position {
    const char *topic;
    sqlite3_stmt *statement; /* of SQLite */
    PGconn *connection;      /* of PostgreSQL */
};

static void open_sqlite(struct bench_position *position, const char *path)
{
    sqlite3 *file;
    static const char sql[] = "SELECT next FROM position WHERE topic = ?";
    if (sqlite3_open_v2(path, &file, SQLITE_OPEN_READONLY, NULL) ||
        sqlite3_prepare_v2(file, sql, -1, &position->statement, NULL))
        bench_fail("%s: %s", path, sqlite3_errmsg(file));
    sqlite3_busy_timeout(file, 1000);
    sqlite3_bind_text(position->statement, 1, position->topic, -1, SQLITE_STATIC);
}

static void open_postgres(struct bench_position *position, const char *url)
{
    static const char sql[] = "SELECT next FROM position WHERE topic = $1";
    position->connection = PQconnectdb(url);
    PGresult *result = PQprepare(position->connection, "ask", sql, 1, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_fail("%s: %s", url, PQerrorMessage(position->connection));
    PQclear(result);
}

struct bench_position *bench_open_position(const char *database, const char *topic)
{
    struct bench_position *position = calloc(1, sizeof *position);
    if (!position)
        bench_fail("out of memory");
    position->topic = topic;
    if (strncmp(database, "postgresql:", strlen("postgresql:")) == 0)
        open_postgres(position, database);
    else
        open_sqlite(position, database);
    return position;
}

static long ask_sqlite(const struct bench_position *position)
{
    long next = 0;
    if (sqlite3_step(position->statement) == SQLITE_ROW)
        next = sqlite3_column_int64(position->statement, 0);
    sqlite3_reset(position->statement);
    return next;
}

static long ask_postgres(const struct bench_position *position)
{
    long next = 0;
    PGresult *result = PQexecPrepared(position->connection, "ask", 1, &position->topic, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        bench_fail("%s", PQerrorMessage(position->connection));
    if (PQntuples(result) > 0)
        next = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return next;
}

long bench_committed(const struct bench_position *position)
{
    long next = position->statement ? ask_sqlite(position) : ask_postgres(position);
    return next > 0 ? next : 0; /* -1: none yet */
}
