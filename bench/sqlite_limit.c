/* What SQLite can insert at best: COUNT readings into store's table in FILE by one prepared statement, BATCH
 * of them in a transaction, with the journal and the safety that store uses. */
#include "bench.h"
#include "reading.h"

#include <sqlite3.h>
#include <stdio.h>

static sqlite3 *file;

static void check(int code)
{
    if (code != SQLITE_OK && code != SQLITE_DONE)
        bench_fail("SQLite: %s", sqlite3_errmsg(file));
}

static void execute(const char *sql)
{
    check(sqlite3_exec(file, sql, NULL, NULL, NULL));
}

static void insert(sqlite3_stmt *statement, const char *topic, const struct bench_reading *reading)
{
    struct tm utc;
    char when[24];
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", gmtime_r(&reading->time, &utc));
    sqlite3_bind_text(statement, 1, topic, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, reading->key, 1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, when, -1, SQLITE_STATIC);
    sqlite3_bind_double(statement, 4, reading->value);
    sqlite3_bind_int64(statement, 5, reading->occupancy);
    sqlite3_bind_int64(statement, 6, reading->seq);
    sqlite3_bind_int64(statement, 7, reading->seq);
    check(sqlite3_step(statement));
    check(sqlite3_reset(statement));
}

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 4, "FILE TOPIC COUNT BATCH");
    long count = bench_number(argv[3]), batch = bench_number(argv[4]);
    sqlite3_stmt *statement;
    check(sqlite3_open(argv[1], &file));
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    check(sqlite3_prepare_v2(file,
                             "INSERT INTO reading (topic, key, time, value, unit, occupancy, seq, "
                             "kafka_partition, kafka_offset) VALUES (?, ?, ?, ?, 'Cel', ?, ?, 0, ?)",
                             -1, &statement, NULL));
    int64_t start = bench_now();
    for (long i = 0; i < count; i++) {
        struct bench_reading reading = bench_reading(i);
        if (i % batch == 0)
            execute(i ? "COMMIT; BEGIN" : "BEGIN");
        insert(statement, argv[2], &reading);
    }
    execute("COMMIT");
    bench_result((uint64_t)count, bench_now() - start, bench_cpu());
    sqlite3_finalize(statement);
    sqlite3_close(file);
    return 0;
}
