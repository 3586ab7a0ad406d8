"""store while a database or Kafka is away, and with databases that are not its own."""

import os
import signal
import sqlite3
import subprocess

import pytest
from clients import create_topic
from scrape import address_of, request
from store_fixtures import away_and_back, begin, database, reading, send, server, sqlite_change, topic
from stores import PostgreSQL, SQLite, check_once, count, start_store, status, wait_for_rows
from waiting import wait_until


def test_waits_for_postgresql_at_the_start(programs, brokers, server, topic):
    database = PostgreSQL(server)
    server.stop()
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, map(reading, range(10)))
    store = start_store(programs, database, topic)
    try:
        store.wait_for_log("database cannot be used.*Connection refused")
    finally:
        server.start()
    wait_for_rows(database, 10)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgresql_goes_away(programs, brokers, server, topic, mode):
    database = PostgreSQL(server)
    store = begin(programs, brokers, database, topic)
    server.stop(mode)
    send(brokers, topic, map(reading, range(10, 20)))
    try:
        store.wait_for_log("database cannot be used")
        wait_until(lambda: not status(store)["ready"], 30, "not ready")
    finally:
        server.start()
    wait_for_rows(database, 20)
    check_once(database, topic, {0: 20})
    store.wait_for_log("can be used again")


def test_postgresql_freezes(programs, brokers, server, topic):
    database = PostgreSQL(server)
    store = begin(programs, brokers, database, topic, "--database-timeout", "2s")
    server.freeze()
    try:
        send(brokers, topic, map(reading, range(10, 20)))
        store.wait_for_log("has not answered for 2 s")
    finally:
        server.thaw()
    wait_for_rows(database, 20)
    check_once(database, topic, {0: 20})


def test_postgresql_ends_a_backend(programs, brokers, server, topic):
    database = PostgreSQL(server)
    begin(programs, brokers, database, topic)
    os.kill(server.backend(), signal.SIGKILL)  # which makes the server start all of its processes again
    send(brokers, topic, map(reading, range(10, 20)))
    wait_for_rows(database, 20)
    check_once(database, topic, {0: 20})


def test_postgresql_takes_rights_and_password_away(programs, brokers, server, topic):
    database = PostgreSQL(server)
    server.sql("DROP ROLE IF EXISTS guarded", "postgres")
    server.sql("CREATE ROLE guarded LOGIN PASSWORD 'first'", "postgres")
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, map(reading, range(10)))
    passwords = programs.folder / "pgpass"
    programs.folder.mkdir(parents=True, exist_ok=True)
    passwords.write_text("*:*:*:guarded:first\n")
    passwords.chmod(0o600)
    store = programs.start("store", "-t", topic, "-G", topic, "-d", server.url("guarded"), "--http", "0", env={"PGPASSFILE": str(passwords)})
    wait_for_rows(database, 10)
    server.sql("ALTER TABLE reading OWNER TO postgres; REVOKE ALL ON reading FROM guarded")
    away_and_back(store, database, brokers, topic, lambda: server.sql("GRANT ALL ON reading TO guarded"), "connected to")
    assert "GRANT" in store.stderr
    server.sql("ALTER ROLE guarded PASSWORD 'second'")
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roomstream-store'")
    send(brokers, topic, map(reading, range(20, 30)))
    store.wait_for_log("password authentication failed")
    passwords.write_text("*:*:*:guarded:second\n")
    wait_for_rows(database, 30)
    check_once(database, topic, {0: 30})


def test_postgresql_is_read_only(programs, brokers, server, topic):
    database = PostgreSQL(server)
    store = begin(programs, brokers, database, topic)
    server.sql("ALTER DATABASE readings SET default_transaction_read_only = on", "postgres")
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roomstream-store'", "postgres")
    try:
        send(brokers, topic, map(reading, range(10, 20)))
        store.wait_for_log("read-only")
    finally:
        server.sql("ALTER DATABASE readings RESET default_transaction_read_only", "postgres")
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roomstream-store'", "postgres")
    wait_for_rows(database, 20)
    check_once(database, topic, {0: 20})


def test_postgresql_has_the_position_locked(programs, brokers, server, topic):
    database = PostgreSQL(server)
    store = begin(programs, brokers, database, topic, "--database-timeout", "2s")
    lock = subprocess.Popen(["psql", "-X", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-d", "readings"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        lock.stdin.write("BEGIN; LOCK TABLE position; SELECT 'locked';\n")
        lock.stdin.flush()
        assert any("locked" in line for line in iter(lock.stdout.readline, ""))
        send(brokers, topic, map(reading, range(10, 20)))
        store.wait_for_log("has not answered for 2 s")
    finally:
        lock.communicate("ROLLBACK;\n", timeout=30)
    wait_for_rows(database, 20)
    check_once(database, topic, {0: 20})


def test_sqlite_is_locked(programs, brokers, tmp_path, topic):
    database = SQLite(tmp_path)
    store = begin(programs, brokers, database, topic)
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    send(brokers, topic, map(reading, range(10, 11)))

    def back():
        other.execute("ROLLBACK")
        other.close()

    store.wait_for_log("another program has it locked")
    send(brokers, topic, map(reading, range(11, 20)))
    wait_until(lambda: request(address_of(store), "/readyz").status == 503, 30, "not ready")
    back()
    wait_for_rows(database, 20)
    check_once(database, topic, {0: 20})
    assert store.stderr.count("partitions assigned") == 1


def test_sqlite_is_full(programs, brokers, tmp_path, topic):
    """The file may not grow (RLIMIT_FSIZE), until the limit is removed."""
    database = SQLite(tmp_path)
    store = begin(programs, brokers, database, topic, label="full")
    size = max(database.path.stat().st_size, (database.path.parent / "readings.db-wal").stat().st_size)
    subprocess.run(["prlimit", f"--pid={store.pid}", f"--fsize={size}:unlimited"], check=True)
    send(brokers, topic, map(reading, range(10, 20)))
    store.wait_for_log("database cannot be used.*SQLite")
    subprocess.run(["prlimit", f"--pid={store.pid}", "--fsize=unlimited:unlimited"], check=True)
    wait_for_rows(database, 20)
    check_once(database, topic, {0: 20})


def test_sqlite_file_is_removed(programs, brokers, tmp_path, topic):
    """All that is in Kafka is stored again, in the new file."""
    database = SQLite(tmp_path)
    store = begin(programs, brokers, database, topic)
    for file in tmp_path.glob("readings.db*"):
        file.unlink()
    send(brokers, topic, map(reading, range(10, 20)))
    store.wait_for_log("removed or replaced")
    wait_for_rows(database, 20)
    check_once(database, topic, {0: 20})


# ---- schemas ----


def test_a_newer_schema_is_refused_and_an_older_one_migrated(programs, brokers, database, topic):
    begin(programs, brokers, database, topic).stop()
    change = {"sqlite": lambda statement: sqlite_change(database.path, statement),
              "postgresql": lambda statement: database.server.sql(statement)}[database.name]
    change("INSERT INTO schema_version (version) VALUES (99)")
    store = start_store(programs, database, topic)
    assert store.wait() == 1
    assert "version 99" in store.stderr and "newer program" in store.stderr
    change("DELETE FROM schema_version WHERE version > 1")
    change("DROP VIEW room")
    change("DROP VIEW latest")
    send(brokers, topic, map(reading, range(10, 20)))
    start_store(programs, database, topic)
    wait_for_rows(database, 20)
    wait_until(lambda: count(database, "latest") == 1, 10, "the views are there again")
    check_once(database, topic, {0: 20})


def test_another_file_is_refused(programs, brokers, tmp_path, topic):
    path = tmp_path / "other"
    path.write_bytes(b"not a database at all" * 100)
    store = programs.start("store", "-t", topic, "-d", f"sqlite:{path}")
    assert store.wait() == 1
    assert "not a database" in store.stderr
    assert path.read_bytes() == b"not a database at all" * 100


def test_a_database_that_does_not_hold_every_text_is_refused(programs, server, topic):
    """Else a reason that quotes such a text could not be stored, and nothing after it."""
    server.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", "postgres")
    store = programs.start("store", "-t", topic, "-d", server.url().replace("/readings", "/latin"))
    assert store.wait() == 1
    assert "encoding is LATIN1" in store.stderr and "ENCODING 'UTF8'" in store.stderr
    assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "latin") == [["0"]]


@pytest.mark.parametrize("database_url", ["sqlite:x", "postgresql://h/d"])
def test_print_schema_makes_the_tables(programs, tmp_path, server, database_url):
    printed = programs.run("store", "--print-schema", "-d", database_url)
    assert printed.process.returncode == 0
    if database_url.startswith("sqlite"):
        sqlite3.connect(":memory:").executescript(printed.stdout.decode())
    else:
        PostgreSQL(server)
        server.sql(printed.stdout.decode())


def test_a_password_in_the_address_is_refused(programs):
    refused = programs.run("store", "-d", "postgresql://user:secret@host/db")
    assert refused.process.returncode == 2
    assert "PGPASSFILE" in refused.stderr and "secret" not in refused.stderr


@pytest.mark.long
def test_kafka_goes_away(programs, brokers, database, topic):
    store = begin(programs, brokers, database, topic)
    brokers.kafka.kill()
    brokers.kafka.start()
    send(brokers, topic, map(reading, range(10, 20)))
    wait_for_rows(database, 20, 120)
    check_once(database, topic, {0: 20})
    assert store.is_running()
