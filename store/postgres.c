#include "database.h"
#include "postgres_copy.h"
#include "postgres_wait.h"
#include "schema.h"

#include "core/clock.h"
#include "core/failpoint.h"
#include "core/log.h"
#include "core/out_of_memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Held while a program migrates, so that two may start at once. */
#define MIGRATION_LOCK "7236517710418413401"

struct database {
    const struct database_settings *settings;
    struct postgres_wait wait;
    PGconn *connection; /* NULL: none */
    char shown[256];    /* the address */
};

/* ---- errors ---- */

/* What an SQLSTATE means for us (PostgreSQL's documentation, appendix A). */
static enum database_result judge(const char *state)
{
    static const char *const refused[] = {"22", "23", "54", "P0"}; /* data, constraints, limits, triggers */
    for (size_t i = 0; state && i < sizeof refused / sizeof *refused; i++)
        if (strncmp(state, refused[i], 2) == 0)
            return DATABASE_REFUSED;
    return DATABASE_AWAY;
}

static const char *advice(const char *state)
{
    static const struct {
        const char *state, *advice;
    } all[] = {
        {"42501", ": GRANT the right to this user"},
        {"42P01", ": a table of ours is gone; schema_version says that it was made"},
        {"25006", ": this server is a standby or set to read-only"},
        {"53100", ": make room on its disk"},
    };
    for (size_t i = 0; state && i < sizeof all / sizeof *all; i++)
        if (strcmp(state, all[i].state) == 0)
            return all[i].advice;
    return "";
}

static void set_away(struct database *db, const char *text, struct error *error)
{
    error_set(error, "PostgreSQL %s: %s", db->shown, text);
}

/* Handles a result that was not wanted, or NULL (then error has libpq's message), and frees it. */
static enum database_result fail(struct database *db, PGresult *result, struct error *error)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    char text[sizeof error->text];
    enum database_result judged = result ? judge(state) : DATABASE_AWAY;
    if (result)
        snprintf(text, sizeof text, "%s%s%s%s", primary ? primary : "an answer that is not understood",
                 state ? " (SQLSTATE " : "", state ? state : "", state ? ")" : "");
    else
        snprintf(text, sizeof text, "%s", error ? error->text : "");
    error_set(error, "PostgreSQL %s: %s%s", db->shown, text, advice(state));
    PQclear(result);
    return judged;
}

/* ---- statements ---- */

static enum database_result finish(struct database *db, PGresult *result, ExecStatusType wanted,
                                   struct error *error)
{
    if (PQresultStatus(result) != wanted)
        return fail(db, result, error);
    PQclear(result);
    return DATABASE_DONE;
}

static enum database_result execute(struct database *db, const char *sql, struct error *error)
{
    PGresult *result = postgres_query(db->connection, sql, &db->wait, error);
    ExecStatusType status = PQresultStatus(result);
    return finish(db, result, status == PGRES_TUPLES_OK ? status : PGRES_COMMAND_OK, error);
}

static void disconnect(struct database *db)
{
    PQfinish(db->connection);
    db->connection = NULL;
}

/* Ends a transaction that has failed, and keeps its error. Where that is not possible, the connection is
 * closed. */
static void roll_back(struct database *db)
{
    struct error ignored;
    if (db->connection && execute(db, "ROLLBACK", &ignored) != DATABASE_DONE)
        disconnect(db);
}

/* ---- connecting ---- */

static void on_notice(void *context, const char *message)
{
    (void)context;
    log_debug(database_notice, "PostgreSQL: %.*s", (int)strcspn(message, "\n"), message);
}

static enum database_result ask_version(struct database *db, int64_t *version, struct error *error)
{
    PGresult *result =
        postgres_query(db->connection, "SELECT to_regclass('schema_version')", &db->wait, error);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return fail(db, result, error);
    bool there = !PQgetisnull(result, 0, 0);
    PQclear(result);
    *version = 0;
    if (!there)
        return DATABASE_DONE;
    result = postgres_query(db->connection, "SELECT coalesce(max(version), 0) FROM schema_version", &db->wait,
                            error);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return fail(db, result, error);
    *version = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    if (*version <= (int64_t)schema_postgres.count)
        return DATABASE_DONE;
    error_set(error,
              "PostgreSQL %s: its schema is version %" PRId64
              ", and this program knows versions up to %zu: use the "
              "newer program that made it",
              db->shown, *version, schema_postgres.count);
    return DATABASE_WRONG;
}

static enum database_result migrate(struct database *db, struct error *error)
{
    int64_t version;
    char sql[96];
    enum database_result result = ask_version(db, &version, error);
    if (result != DATABASE_DONE || version == (int64_t)schema_postgres.count)
        return result;
    result = execute(db, "BEGIN; SELECT pg_advisory_xact_lock(" MIGRATION_LOCK ")", error);
    if (result == DATABASE_DONE)
        result = ask_version(db, &version, error);
    for (int64_t i = version + 1; result == DATABASE_DONE && i <= (int64_t)schema_postgres.count; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO schema_version (version) VALUES (%" PRId64 ")", i);
        result = execute(db, schema_postgres.migrations[i - 1], error);
        if (result == DATABASE_DONE)
            result = execute(db, sql, error);
    }
    if (result == DATABASE_DONE)
        result = execute(db, "COMMIT", error);
    if (result != DATABASE_DONE)
        roll_back(db);
    return result == DATABASE_REFUSED ? DATABASE_AWAY : result;
}

/* A reason for reject quotes the message: where it could not be stored, nothing behind it could either. */
static enum database_result check_encoding(struct database *db, struct error *error)
{
    const char *encoding = PQparameterStatus(db->connection, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") == 0 || strcmp(encoding, "SQL_ASCII") == 0)
        return DATABASE_DONE;
    error_set(
        error,
        "PostgreSQL %s: the database's encoding is %s, which does not hold every text: create one with ENCODING 'UTF8' TEMPLATE template0",
        db->shown, encoding);
    return DATABASE_WRONG;
}

static enum database_result postgres_open_connection(struct database *db, struct error *error)
{
    char timeout[24];
    struct error reason;
    /* The address may replace what stands before it. */
    const char *const names[] = {"fallback_application_name", "tcp_user_timeout", "dbname", "client_encoding",
                                 NULL};
    const char *const values[] = {"roomstream-store", timeout, db->settings->address, "UTF8", NULL};
    snprintf(timeout, sizeof timeout, "%" PRId64, db->settings->timeout / MILLISECOND);
    disconnect(db);
    db->connection = postgres_connect(names, values, &db->wait, &reason);
    if (!db->connection) {
        set_away(db, reason.text, error);
        return DATABASE_AWAY;
    }
    PQsetNoticeProcessor(db->connection, on_notice, NULL);
    enum database_result result = check_encoding(db, error);
    if (result == DATABASE_DONE)
        result = migrate(db, error);
    if (result == DATABASE_DONE)
        result = execute(db, "SET idle_in_transaction_session_timeout = '10s'", error);
    if (result != DATABASE_DONE)
        disconnect(db);
    return result;
}

/* ---- positions ---- */

/* Arrays of topics and partitions as PostgreSQL reads them: {"temp","light"} and {0,3}. Kafka's names need no
 * escapes. */
static void print_arrays(const struct database_position *positions, size_t count, char **topics,
                         char **partitions)
{
    size_t topics_size, partitions_size;
    FILE *names = open_memstream(topics, &topics_size),
         *numbers = open_memstream(partitions, &partitions_size);
    if (!names || !numbers)
        out_of_memory(count);
    for (size_t i = 0; i < count; i++) {
        fprintf(names, "%s\"%s\"", i ? "," : "{", positions[i].topic);
        fprintf(numbers, "%s%" PRId32, i ? "," : "{", positions[i].partition);
    }
    fputc('}', names);
    fputc('}', numbers);
    if (fclose(names) != 0 || fclose(numbers) != 0)
        out_of_memory(count);
}

static enum database_result read_positions(struct database *db, PGresult *result,
                                           struct database_position *positions, size_t count,
                                           struct error *error)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return fail(db, result, error);
    bool complete = (size_t)PQntuples(result) == count;
    for (size_t i = 0; complete && i < count; i++) {
        positions[i].next = strtoll(PQgetvalue(result, (int)i, 0), NULL, 10);
        positions[i].mark = strtoll(PQgetvalue(result, (int)i, 1), NULL, 10);
    }
    PQclear(result);
    if (!complete)
        set_away(db, "a position that was just there is gone", error);
    return complete ? DATABASE_DONE : DATABASE_AWAY;
}

static enum database_result postgres_positions(struct database *db, struct database_position *positions,
                                               size_t count, struct error *error)
{
    static const char insert[] = "INSERT INTO position (topic, partition, next) "
                                 "SELECT *, -1 FROM unnest($1::text[], $2::integer[]) ON CONFLICT DO NOTHING";
    static const char ask[] = "SELECT next, mark FROM unnest($1::text[], $2::integer[]) "
                              "WITH ORDINALITY AS asked (topic, partition, number) "
                              "JOIN position USING (topic, partition) ORDER BY number";
    char *values[2];
    if (count == 0)
        return DATABASE_DONE;
    print_arrays(positions, count, &values[0], &values[1]);
    const char *const parameters[] = {values[0], values[1]};
    enum database_result result =
        finish(db, postgres_query_with(db->connection, insert, 2, parameters, &db->wait, error),
               PGRES_COMMAND_OK, error);
    if (result == DATABASE_DONE)
        result = read_positions(db, postgres_query_with(db->connection, ask, 2, parameters, &db->wait, error),
                                positions, count, error);
    free(values[0]);
    free(values[1]);
    return result == DATABASE_DONE ? DATABASE_DONE : DATABASE_AWAY;
}

/* ---- writing ---- */

/* The steps as one statement; Kafka's names need no escapes. */
static char *print_steps(const struct database_work *work)
{
    char *sql;
    size_t size;
    FILE *out = open_memstream(&sql, &size);
    if (!out)
        out_of_memory(work->step_count);
    fputs("UPDATE position AS p SET next = step.next, mark = step.mark, changed = now() FROM (VALUES ", out);
    for (size_t i = 0; i < work->step_count; i++) {
        const struct database_step *step = &work->steps[i];
        fprintf(out, "%s('%s', %" PRId32 ", %" PRId64 "::bigint, %" PRId64 "::bigint, %" PRId64 "::bigint)",
                i ? ", " : "", step->topic, step->partition, step->expected, step->next, step->mark);
    }
    fputs(") AS step (topic, partition, expected, next, mark) WHERE p.topic = step.topic AND "
          "p.partition = step.partition AND p.next = step.expected",
          out);
    if (fclose(out) != 0)
        out_of_memory(size);
    return sql;
}

static enum database_result take_steps(struct database *db, const struct database_work *work,
                                       struct error *error)
{
    char *sql = print_steps(work);
    PGresult *result = postgres_query(db->connection, sql, &db->wait, error);
    free(sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return fail(db, result, error);
    bool all = strtoull(PQcmdTuples(result), NULL, 10) == work->step_count;
    PQclear(result);
    if (all)
        return DATABASE_DONE;
    set_away(db, "another program has moved the position of a partition", error);
    return DATABASE_MOVED;
}

static enum database_result copy(struct database *db, bool begin, enum message_kind kind,
                                 const struct database_work *work, struct error *error)
{
    char sql[240];
    snprintf(sql, sizeof sql, "%s%s", begin ? "BEGIN; " : "", postgres_copy_statement(kind));
    enum database_result result =
        finish(db, postgres_query(db->connection, sql, &db->wait, error), PGRES_COPY_IN, error);
    if (result != DATABASE_DONE)
        return result;
    if (!postgres_copy_messages(db->connection, kind, work, &db->wait, error) ||
        !postgres_copy_end(db->connection, &db->wait, error))
        return fail(db, NULL, error);
    return finish(db, postgres_result(db->connection, &db->wait, error), PGRES_COMMAND_OK, error);
}

static enum database_result copy_all(struct database *db, const struct database_work *work,
                                     struct error *error)
{
    bool there[MESSAGE_REJECT + 1] = {0}, begin = true;
    enum database_result result = DATABASE_DONE;
    for (size_t i = work->first; i < work->end; i++)
        there[work->batch->messages[i].kind] = true;
    for (int kind = 0; kind <= MESSAGE_REJECT && result == DATABASE_DONE; kind++)
        if (there[kind]) {
            result = copy(db, begin, (enum message_kind)kind, work, error);
            begin = false;
        }
    return result;
}

/* A COMMIT of a transaction that has failed succeeds too, as a ROLLBACK. */
static enum database_result commit(struct database *db, struct error *error)
{
    PGresult *result = postgres_query(db->connection, "COMMIT", &db->wait, error);
    if (PQresultStatus(result) != PGRES_COMMAND_OK || strcmp(PQcmdStatus(result), "COMMIT") != 0)
        return fail(db, result, error);
    PQclear(result);
    return DATABASE_DONE;
}

/* The positions come last: a program that is frozen before them does not block the one that has taken over
 * its partitions. Between them and the commit the server's time limit ends it (see postgres_open_connection).
 */
static enum database_result postgres_write(struct database *db, const struct database_work *work,
                                           struct error *error)
{
    enum database_result result = copy_all(db, work, error);
    FAILPOINT("store-rows");
    if (result == DATABASE_DONE)
        result = take_steps(db, work, error);
    FAILPOINT("store-positions");
    if (result == DATABASE_DONE)
        result = commit(db, error);
    FAILPOINT("store-committed");
    if (result == DATABASE_MOVED || result == DATABASE_REFUSED)
        roll_back(db);
    return result;
}

/* ---- the kind ---- */

static struct database *postgres_open(const struct database_settings *settings)
{
    struct database *db = calloc(1, sizeof *db);
    if (!db)
        out_of_memory(sizeof *db);
    db->settings = settings;
    db->wait = (struct postgres_wait){settings->timeout, settings->stop};
    database_shown(settings->address, db->shown, sizeof db->shown);
    return db;
}

static void postgres_close(struct database *db)
{
    disconnect(db);
    free(db);
}

static void print_schema(FILE *out)
{
    schema_print(&schema_postgres, out);
}

const struct database_kind postgres_kind = {
    .name = "postgresql",
    .open = postgres_open,
    .connect = postgres_open_connection,
    .positions = postgres_positions,
    .write = postgres_write,
    .close = postgres_close,
    .print_schema = print_schema,
};
