#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock.h"
#include "store/database.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char path[64];
    struct database_settings settings;
    struct database *db;
    struct batch *batch;
};

static int set_up(void **state)
{
    static struct fixture f;
    struct error error;
    f = (struct fixture){.batch = batch_new()};
    snprintf(f.path, sizeof f.path, "/tmp/test-sqlite-%d.db", (int)getpid());
    f.settings =
        (struct database_settings){.address = "sqlite:", .path = f.path, .timeout = SECOND, .stop = -1};
    f.db = sqlite_kind.open(&f.settings);
    assert_int_equal(sqlite_kind.connect(f.db, &error), DATABASE_DONE);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char other[80];
    sqlite_kind.close(f->db);
    batch_free(f->batch);
    unlink(f->path);
    snprintf(other, sizeof other, "%s-wal", f->path);
    unlink(other);
    snprintf(other, sizeof other, "%s-shm", f->path);
    unlink(other);
    return 0;
}

static int64_t number(const struct fixture *f, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static void change(const struct fixture *f, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int64_t position(struct fixture *f)
{
    struct database_position one = {.topic = "t", .partition = 0};
    struct error error;
    assert_int_equal(sqlite_kind.positions(f->db, &one, 1, &error), DATABASE_DONE);
    return one.next;
}

/* Writes one reading at the offset. */
static enum database_result write_one(struct fixture *f, int64_t expected, int64_t offset, double value)
{
    struct error error;
    const struct database_step step = {"t", 0, expected, offset + 1, 7};
    batch_clear(f->batch);
    batch_part(f->batch, 0, "t", 0, expected);
    batch_message(f->batch)->offset = offset;
    struct reading *reading = batch_reading(f->batch);
    *reading = (struct reading){.key = {"k", 1}, .value = value, .has_value = true};
    const struct database_work work = {f->batch, 0, 1, &step, 1};
    return sqlite_kind.write(f->db, &work, &error);
}

static void test_writes_where_the_position_is_expected(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(position(f), -1);
    assert_int_equal(write_one(f, -1, 0, 1.5), DATABASE_DONE);
    assert_int_equal(write_one(f, 1, 5, 2.5), DATABASE_DONE);
    assert_int_equal(position(f), 6);
    assert_int_equal(number(f, "SELECT count(*) FROM reading"), 2);
}

static void test_writes_nothing_where_it_is_another(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(position(f), -1);
    assert_int_equal(write_one(f, -1, 0, 1), DATABASE_DONE);
    assert_int_equal(write_one(f, -1, 0, 1), DATABASE_MOVED);
    assert_int_equal(write_one(f, 0, 1, 1), DATABASE_MOVED);
    assert_int_equal(number(f, "SELECT count(*) FROM reading"), 1);
    assert_int_equal(position(f), 1);
}

static void test_refused_rows_change_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(position(f), -1);
    change(
        f,
        "CREATE TRIGGER small BEFORE INSERT ON reading WHEN NEW.value > 10 BEGIN SELECT RAISE(ABORT, 'large'); END");
    assert_int_equal(write_one(f, -1, 0, 11), DATABASE_REFUSED);
    assert_int_equal(position(f), -1);
    assert_int_equal(write_one(f, -1, 0, 9), DATABASE_DONE);
}

static void test_older_schema_is_migrated_and_newer_refused(void **state)
{
    struct fixture *f = *state;
    struct error error;
    change(f, "DELETE FROM schema_version WHERE version > 1; DROP VIEW room; DROP VIEW latest");
    assert_int_equal(sqlite_kind.connect(f->db, &error), DATABASE_DONE);
    assert_int_equal(number(f, "SELECT count(*) FROM sqlite_schema WHERE type = 'view'"), 2);
    change(f, "INSERT INTO schema_version VALUES (1000)");
    assert_int_equal(sqlite_kind.connect(f->db, &error), DATABASE_WRONG);
    assert_non_null(strstr(error.text, "1000"));
}

static void test_it_is_durable(void **state)
{
    const struct fixture *f = *state;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(number(f, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    sqlite3_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_writes_where_the_position_is_expected),
        TEST(test_writes_nothing_where_it_is_another),
        TEST(test_refused_rows_change_nothing),
        TEST(test_older_schema_is_migrated_and_newer_refused),
        TEST(test_it_is_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
