#include "database.h"
#include "schema.h"

#include "core/clock.h"
#include "core/failpoint.h"
#include "core/out_of_memory.h"
#include "core/recorded_time.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* In ms: a lock of another program's is waited for so long, then the transaction is tried again later. */
enum { BUSY_WAIT = 1000 };

enum statement { BEGIN, COMMIT, ROLLBACK, POSITION, NEW_POSITION, STEP, READING, REJECT, RAW, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [POSITION] = "SELECT next, mark FROM position WHERE topic = ? AND partition = ?",
    [NEW_POSITION] = "INSERT INTO position (topic, partition, next) VALUES (?, ?, -1) ON CONFLICT DO NOTHING",
    [STEP] = "UPDATE position SET next = ?3, mark = ?4, changed = strftime('%Y-%m-%d %H:%M:%f', 'now') "
             "WHERE topic = ?1 AND partition = ?2 AND next = ?5",
    [READING] = "INSERT INTO reading (topic, key, time, value, text, unit, occupancy, seq, kafka_partition, "
                "kafka_offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [REJECT] = "INSERT INTO reject (topic, kafka_partition, kafka_offset, kafka_time, reason, key, payload) "
               "VALUES (?, ?, ?, ?, ?, ?, ?)",
    [RAW] = "INSERT INTO message (topic, kafka_partition, kafka_offset, kafka_time, headers, key, payload) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
};

struct database {
    const struct database_settings *settings;
    sqlite3 *file; /* NULL: not open */
    sqlite3_stmt *statements[STATEMENTS];
    struct stat opened;        /* the file's */
    struct recorded_time time; /* the last one that was written: its date is made once a day */
};

/* ---- errors ---- */

/* What a code of SQLite's means for us (sqlite.org/rescode.html). */
static enum database_result judge(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return DATABASE_DONE;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
        return DATABASE_REFUSED;
    case SQLITE_NOTADB:
        return DATABASE_WRONG;
    case SQLITE_NOMEM:
        out_of_memory(0);
    default: /* busy, full, read-only, a disk error, a missing table: may change */
        return DATABASE_AWAY;
    }
}

static const char *advice(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ": another program has it locked";
    case SQLITE_FULL:
        return ": make room on the disk";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return ": look at the rights of the file and its folder";
    case SQLITE_CORRUPT:
        return ": sqlite3's .recover may save what is in it";
    default:
        return "";
    }
}

static enum database_result fail(struct database *db, int code, struct error *error)
{
    error_set(error, "SQLite %s: %s%s", db->settings->path,
              db->file ? sqlite3_errmsg(db->file) : sqlite3_errstr(code), advice(code));
    return judge(code);
}

/* ---- statements ---- */

/* Runs a statement whose parameters are bound, up to its first row or its end (*code). */
static enum database_result run(struct database *db, enum statement which, int *code, struct error *error)
{
    sqlite3_stmt *statement = db->statements[which];
    *code = sqlite3_step(statement);
    enum database_result result = judge(*code);
    if (result != DATABASE_DONE)
        result = fail(db, *code, error);
    if (*code != SQLITE_ROW)
        sqlite3_reset(statement);
    return result;
}

static enum database_result run_alone(struct database *db, enum statement which, struct error *error)
{
    int code;
    return run(db, which, &code, error);
}

static void roll_back(struct database *db)
{
    if (db->file && !sqlite3_get_autocommit(db->file))
        run_alone(db, ROLLBACK, NULL);
}

static void bind_text(sqlite3_stmt *statement, int index, struct bytes text)
{
    sqlite3_bind_text64(statement, index, text.at, text.length, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_bytes(sqlite3_stmt *statement, int index, struct bytes bytes)
{
    if (bytes.at)
        sqlite3_bind_blob64(statement, index, bytes.at, bytes.length, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, index);
}

/* ---- connecting ---- */

static void disconnect(struct database *db)
{
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(db->statements[i]);
        db->statements[i] = NULL;
    }
    sqlite3_close_v2(db->file);
    db->file = NULL;
}

static enum database_result execute(struct database *db, const char *sql, struct error *error)
{
    int code = sqlite3_exec(db->file, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? DATABASE_DONE : fail(db, code, error);
}

/* The first column of the first row, or `missing` where there is none. */
static enum database_result ask_number(struct database *db, const char *sql, int64_t missing, int64_t *number,
                                       struct error *error)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db->file, sql, -1, &statement, NULL);
    *number = missing;
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        *number = sqlite3_column_int64(statement, 0);
    enum database_result result = judge(code) == DATABASE_DONE ? DATABASE_DONE : fail(db, code, error);
    sqlite3_finalize(statement);
    return result;
}

static enum database_result find_version(struct database *db, int64_t *version, struct error *error)
{
    int64_t tables;
    *version = 0;
    enum database_result result =
        ask_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'", 0, &tables, error);
    if (result == DATABASE_DONE && tables > 0)
        result = ask_number(db, "SELECT max(version) FROM schema_version", 0, version, error);
    if (result == DATABASE_DONE && *version > (int64_t)schema_sqlite.count) {
        error_set(
            error,
            "SQLite %s: its schema is version %lld, and this program knows versions up to %zu: use the newer "
            "program that made it",
            db->settings->path, (long long)*version, schema_sqlite.count);
        result = DATABASE_WRONG;
    }
    return result;
}

static enum database_result apply_migration(struct database *db, int64_t number, struct error *error)
{
    char sql[80];
    snprintf(sql, sizeof sql, "INSERT INTO schema_version (version) VALUES (%lld)", (long long)number);
    enum database_result result = execute(db, schema_sqlite.migrations[number - 1], error);
    return result == DATABASE_DONE ? execute(db, sql, error) : result;
}

/* All in one transaction, so that two programs may start at once. */
static enum database_result migrate(struct database *db, struct error *error)
{
    int64_t version;
    enum database_result result = find_version(db, &version, error);
    if (result != DATABASE_DONE || version == (int64_t)schema_sqlite.count)
        return result;
    if ((result = execute(db, "BEGIN IMMEDIATE", error)) != DATABASE_DONE)
        return result;
    result = find_version(db, &version, error);
    for (int64_t i = version + 1; result == DATABASE_DONE && i <= (int64_t)schema_sqlite.count; i++)
        result = apply_migration(db, i, error);
    if (result == DATABASE_DONE)
        result = execute(db, "COMMIT", error);
    if (result != DATABASE_DONE)
        sqlite3_exec(db->file, "ROLLBACK", NULL, NULL, NULL);
    return result == DATABASE_REFUSED ? DATABASE_AWAY : result;
}

static enum database_result prepare(struct database *db, struct error *error)
{
    for (int i = 0; i < STATEMENTS; i++) {
        int code =
            sqlite3_prepare_v3(db->file, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[i], NULL);
        if (code != SQLITE_OK)
            return fail(db, code, error);
    }
    return DATABASE_DONE;
}

static enum database_result sqlite_connect(struct database *db, struct error *error)
{
    disconnect(db);
    int code = sqlite3_open_v2(db->settings->path, &db->file,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    enum database_result result = code == SQLITE_OK ? DATABASE_DONE : fail(db, code, error);
    if (result == DATABASE_DONE)
        sqlite3_busy_timeout(db->file, BUSY_WAIT);
    /* FULL: what is committed stands after a power loss. The cache, in KiB: a transaction's pages and the
     * index's upper ones are what is used again. */
    if (result == DATABASE_DONE)
        result = execute(
            db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -1024", error);
    if (result == DATABASE_DONE)
        result = migrate(db, error);
    if (result == DATABASE_DONE)
        result = prepare(db, error);
    if (result == DATABASE_DONE && stat(db->settings->path, &db->opened) != 0)
        result = fail(db, SQLITE_CANTOPEN, error);
    if (result != DATABASE_DONE)
        disconnect(db);
    return result;
}

/* What is written to a removed file is lost. */
static enum database_result check_file(struct database *db, struct error *error)
{
    struct stat now;
    if (stat(db->settings->path, &now) == 0 && now.st_dev == db->opened.st_dev &&
        now.st_ino == db->opened.st_ino)
        return DATABASE_DONE;
    error_set(error, "SQLite %s: the file was removed or replaced; it is opened again", db->settings->path);
    return DATABASE_AWAY;
}

/* ---- positions ---- */

static enum database_result read_position(struct database *db, struct database_position *position,
                                          struct error *error)
{
    sqlite3_stmt *made = db->statements[NEW_POSITION], *asked = db->statements[POSITION];
    const struct bytes topic = {position->topic, strlen(position->topic)};
    int code;
    bind_text(made, 1, topic);
    sqlite3_bind_int(made, 2, position->partition);
    enum database_result result = run(db, NEW_POSITION, &code, error);
    bind_text(asked, 1, topic);
    sqlite3_bind_int(asked, 2, position->partition);
    if (result == DATABASE_DONE)
        result = run(db, POSITION, &code, error);
    if (result != DATABASE_DONE)
        return result;
    if (code == SQLITE_ROW) {
        position->next = sqlite3_column_int64(asked, 0);
        position->mark = sqlite3_column_int64(asked, 1);
        sqlite3_reset(asked);
    }
    return DATABASE_DONE;
}

static enum database_result sqlite_positions(struct database *db, struct database_position *positions,
                                             size_t count, struct error *error)
{
    enum database_result result = run_alone(db, BEGIN, error);
    for (size_t i = 0; i < count && result == DATABASE_DONE; i++)
        result = read_position(db, &positions[i], error);
    if (result == DATABASE_DONE)
        result = run_alone(db, COMMIT, error);
    if (result != DATABASE_DONE)
        roll_back(db);
    return result == DATABASE_REFUSED ? DATABASE_AWAY : result;
}

/* ---- writing ---- */

/* 2017-12-22 10:49:41[.ffffff], which sorts as time does, and which SQLite's own functions read. */
enum { TIME_SIZE = RECORDED_DATE_LENGTH + 1 + RECORDED_CLOCK_MAX };

static size_t put_time(struct database *db, int64_t ns, char text[static TIME_SIZE])
{
    recorded_time_set(&db->time, ns, true);
    memcpy(text, db->time.date, RECORDED_DATE_LENGTH);
    text[4] = text[7] = '-';
    text[RECORDED_DATE_LENGTH] = ' ';
    memcpy(text + RECORDED_DATE_LENGTH + 1, db->time.clock, db->time.clock_length);
    return RECORDED_DATE_LENGTH + 1 + db->time.clock_length;
}

static void bind_time(struct database *db, sqlite3_stmt *statement, int index, int64_t ns)
{
    char text[TIME_SIZE];
    size_t length = put_time(db, ns, text);
    sqlite3_bind_text64(statement, index, text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void bind_optional(sqlite3_stmt *statement, int index, bool there, int64_t value)
{
    if (there)
        sqlite3_bind_int64(statement, index, value);
    else
        sqlite3_bind_null(statement, index);
}

static enum database_result write_reading(struct database *db, const struct part *part,
                                          const struct message *message, const struct reading *reading,
                                          struct error *error)
{
    sqlite3_stmt *statement = db->statements[READING];
    bind_text(statement, 1, (struct bytes){part->topic, strlen(part->topic)});
    bind_text(statement, 2, reading->key);
    bind_time(db, statement, 3, reading->time);
    if (reading->has_value)
        sqlite3_bind_double(statement, 4, reading->value);
    else
        sqlite3_bind_null(statement, 4);
    bind_text(statement, 5, reading->text);
    bind_text(statement, 6, reading->unit);
    bind_optional(statement, 7, reading->has_occupancy, reading->occupancy);
    bind_optional(statement, 8, reading->has_seq, reading->seq);
    sqlite3_bind_int(statement, 9, part->partition);
    sqlite3_bind_int64(statement, 10, message->offset);
    return run_alone(db, READING, error);
}

/* A row of reject, or of message: both have the same columns but for one. */
static enum database_result write_whole(struct database *db, const struct part *part,
                                        const struct message *message, struct error *error)
{
    const int64_t longest = INT64_MAX / MILLISECOND;
    enum statement which = message->kind == MESSAGE_RAW ? RAW : REJECT;
    sqlite3_stmt *statement = db->statements[which];
    const int64_t ns =
        message->timestamp >= 0 && message->timestamp <= longest ? message->timestamp * MILLISECOND : -1;
    bind_text(statement, 1, (struct bytes){part->topic, strlen(part->topic)});
    sqlite3_bind_int(statement, 2, part->partition);
    sqlite3_bind_int64(statement, 3, message->offset);
    if (ns >= 0 && recorded_time_fits(ns))
        bind_time(db, statement, 4, ns);
    else
        sqlite3_bind_null(statement, 4);
    if (which == RAW)
        bind_text(statement, 5, message->headers);
    else
        bind_text(statement, 5, (struct bytes){message->reason, strlen(message->reason)});
    bind_bytes(statement, 6, message->key);
    bind_bytes(statement, 7, message->payload);
    return run_alone(db, which, error);
}

static enum database_result write_messages(struct database *db, const struct database_work *work,
                                           struct error *error)
{
    enum database_result result = DATABASE_DONE;
    for (size_t i = work->first; i < work->end && result == DATABASE_DONE; i++) {
        const struct message *message = &work->batch->messages[i];
        const struct part *part = &work->batch->parts[message->part];
        if (message->kind != MESSAGE_READINGS)
            result = write_whole(db, part, message, error);
        for (size_t k = 0; k < message->count && result == DATABASE_DONE; k++)
            result = write_reading(db, part, message, &work->batch->readings[message->first + k], error);
    }
    return result;
}

static enum database_result take_step(struct database *db, const struct database_step *step,
                                      struct error *error)
{
    sqlite3_stmt *statement = db->statements[STEP];
    bind_text(statement, 1, (struct bytes){step->topic, strlen(step->topic)});
    sqlite3_bind_int(statement, 2, step->partition);
    sqlite3_bind_int64(statement, 3, step->next);
    sqlite3_bind_int64(statement, 4, step->mark);
    sqlite3_bind_int64(statement, 5, step->expected);
    enum database_result result = run_alone(db, STEP, error);
    if (result == DATABASE_DONE && sqlite3_changes(db->file) != 1) {
        error_set(error, "topic '%s', partition %d: another program has moved the position", step->topic,
                  (int)step->partition);
        return DATABASE_MOVED;
    }
    return result;
}

static enum database_result sqlite_write(struct database *db, const struct database_work *work,
                                         struct error *error)
{
    enum database_result result = check_file(db, error);
    if (result == DATABASE_DONE)
        result = run_alone(db, BEGIN, error);
    for (size_t i = 0; i < work->step_count && result == DATABASE_DONE; i++)
        result = take_step(db, &work->steps[i], error);
    FAILPOINT("store-positions");
    if (result == DATABASE_DONE)
        result = write_messages(db, work, error);
    FAILPOINT("store-rows");
    if (result == DATABASE_DONE)
        result = run_alone(db, COMMIT, error);
    FAILPOINT("store-committed");
    if (result != DATABASE_DONE)
        roll_back(db);
    return result == DATABASE_WRONG ? DATABASE_AWAY : result;
}

/* ---- the kind ---- */

static struct database *sqlite_open(const struct database_settings *settings)
{
    struct database *db = calloc(1, sizeof *db);
    if (!db)
        out_of_memory(sizeof *db);
    db->settings = settings;
    return db;
}

static void sqlite_close(struct database *db)
{
    disconnect(db);
    free(db);
}

static void print_schema(FILE *out)
{
    schema_print(&schema_sqlite, out);
}

const struct database_kind sqlite_kind = {
    .name = "sqlite",
    .open = sqlite_open,
    .connect = sqlite_connect,
    .positions = sqlite_positions,
    .write = sqlite_write,
    .close = sqlite_close,
    .print_schema = print_schema,
};
