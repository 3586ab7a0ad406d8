"""store: each message in Kafka is in the database once, whatever is killed, with every digit; or it is in reject with the reason."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
import uuid

import pytest
from clients import create_topic, delete_records, delete_topic
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions
from postgres import Postgres
from programs import ROOT, freeze
from scrape import address_of, check_metrics, request, samples
from stores import PostgreSQL, SQLite, check_once, count, metrics, start_store, status, wait_for_rows
from waiting import wait_until


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with Postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        return SQLite(tmp_path)
    return PostgreSQL(request.getfixturevalue("server"))


@pytest.fixture
def topic():
    return f"t{uuid.uuid4().hex[:8]}"


def reading(number):
    return json.dumps({"time": f"2023-12-29T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}", "sensor": "temp", "node": 1,
                       "value": number / 8, "unit": "Cel", "occupancy": 1, "seq": number}).encode()


def send(brokers, topic, messages, partition=0):
    """messages: payloads, or pairs of key and payload."""
    producer = Producer({"bootstrap.servers": brokers.kafka.address, "queue.buffering.max.messages": 1000000})
    for message in messages:
        key, payload = message if isinstance(message, tuple) else (b"1", message)
        producer.produce(topic, payload, key, partition=partition)
    assert producer.flush(60) == 0


def test_stores_ours(programs, brokers, database, topic):
    """Our JSON, CSV and SenML, each column right."""
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, [
        b'{"time":"2017-12-22T10:49:41","sensor":"temp","node":1,"value":24.94,"unit":"Cel","occupancy":1,"seq":7}',
        b"2017/12/22, 10:49:41.5, 24.94, 3, 2\n",
        f'[{{"n":"{topic}/1","u":"Cel","t":1513939781,"v":24.94}}]'.encode(),
        b'[{"bn":"urn:dev:","bt":1.276020076e9,"bu":"A","bv":1,"n":"a","v":0.5},{"n":"b","t":5,"vs":"on"},{"n":"c","u":"B","vb":true}]',
    ])
    start_store(programs, database, topic)
    wait_for_rows(database, 6)
    when = "CAST(time AS text)" if database.name == "sqlite" else "to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    rows = [[str(cell) if cell not in (None, "") else None for cell in row] for row in database.rows(
        f"SELECT key, {when}, value, text, unit, occupancy, seq, kafka_partition, kafka_offset FROM reading ORDER BY kafka_offset, key")]
    for row in rows:
        row[1] = row[1].rstrip("0").rstrip(".") if "." in row[1] else row[1]
        row[2] = row[2] and float(row[2])
    assert rows == [
        ["1", "2017-12-22 10:49:41", 24.94, None, "Cel", "1", "7", "0", "0"],
        ["1", "2017-12-22 10:49:41.5", 24.94, None, None, "2", None, "0", "1"],
        ["1", "2017-12-22 10:49:41", 24.94, None, "Cel", None, None, "0", "2"],
        ["urn:dev:a", "2010-06-08 18:01:16", 1.5, None, "A", None, None, "0", "3"],
        ["urn:dev:b", "2010-06-08 18:01:21", None, "on", "A", None, None, "0", "3"],
        ["urn:dev:c", "2010-06-08 18:01:16", 1.0, None, "B", None, None, "0", "3"],
    ]
    assert count(database, "reject") == 0


REJECTED = {
    b"": "the payload is empty",
    b'{"time":"2020-01-01T00:00:00","value":NaN}': "no JSON",
    b'{"time":"2020-01-01T00:00:00","value":1e400}': "beyond what double precision",
    b'{"time":"2020-01-01T00:00:00","value":1e-400}': "beyond what double precision",
    b'{"time":"2020-01-01T00:00:00"}': "value is missing",
    b'{"time":"2020-01-01T00:00:00","value":null}': "value is null",
    b'{"time":"2020-01-01T00:00:00","value":{}}': "value is an object",
    b'{"value":1}': "time is missing",
    b'{"time":"2020-13-01T00:00:00","value":1}': "time is no time",
    b'{"time":"1600-01-01T00:00:00","value":1}': "time is no time",
    b'{"time":"2020-01-01T00:00:00","value":"a\\u0000b"}': "NUL",
    b'{"time":"2020-01-01T00:00:00","value":"\xff"}': "no JSON",
    b'{"time":"2020-01-01T00:00:00","value":"\xc0\x80"}': "not UTF-8",
    b'{"time":"2020-01-01T00:00:00","value":1,"seq":1.5}': "seq is no whole number",
    b'{"time":"2020-01-01T00:00:00","value":1,"seq":9223372036854775808}': "seq is no whole number",
    b"2017/12/22, 10:49:41, nan, 1, 1": "no finite decimal number",
    b"2017/12/22, 10:49:41, inf, 1, 1": "no finite decimal number",
    b"2017/12/22, 10:49:41, 0x10, 1, 1": "no finite decimal number",
    b"hello": "neither JSON nor our CSV",
    b'[{"n":"a"}]': "no value",
    b'[{"v":1}]': "no name",
    b'[{"n":"a","v":1,"must_":1}]': "must be understood",
    b"\x00\xff\xfe": "neither JSON nor our CSV",
}

KEPT = {  # value as a double
    b'{"time":"1969-07-20T20:17:40Z","value":0.1}': 0.1,
    b'{"time":"2238-01-20T00:00:00+02:00","value":-0.0}': -0.0,
    b'{"time":0,"value":1.7976931348623157e308}': 1.7976931348623157e308,
    b'{"time":-1.5,"value":5e-324}': 5e-324,
    b'{"time":1e9,"value":123456789012345678901234567890}': 1.2345678901234568e29,
    b'{"time":"2020-01-01","value":9007199254740993}': 9007199254740992.0,
    b'{"time":"2020-01-01T00:00:00.123456789","value":0.30000000000000004}': 0.30000000000000004,
    b'{"time":"2020-01-01T00:00:00","value":true}': 1.0,
}


def test_rejects_with_the_reason_and_goes_on(programs, brokers, database, topic):
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, [*REJECTED, (b"\xff\x00", b'{"time":0,"value":1}'), (b"k", None), *KEPT])
    store = start_store(programs, database, topic)
    wait_for_rows(database, len(KEPT))
    reasons = [row[0] for row in database.rows("SELECT reason FROM reject ORDER BY kafka_offset")]
    assert len(reasons) == len(REJECTED) + 2
    for wanted, found in zip([*REJECTED.values(), "key", "null"], reasons):
        assert wanted in found
    hexes = "hex(payload)" if database.name == "sqlite" else "encode(payload, 'hex')"
    payloads = [bytes.fromhex(row[0] or "") for row in database.rows(f"SELECT {hexes} FROM reject ORDER BY kafka_offset")]
    assert payloads[:len(REJECTED)] == list(REJECTED)
    assert [float(row[0]) for row in database.rows("SELECT value FROM reading ORDER BY kafka_offset")] == list(KEPT.values())
    shown = metrics(store)
    assert shown["messages_consumed_total"] == shown["messages_stored_total"] + shown["messages_rejected_total"]
    assert shown["messages_rejected_total"] == len(reasons)


def test_pointers(programs, brokers, database, topic):
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, [b'{"data":[{"t":1500,"x":{"a/b":2.5}},{}],"id":17,"u":"V"}'])
    start_store(programs, database, topic, "--time", "/data/0/t", "--time-unit", "ms", "--value", "/data/0/x/a~1b", "--key", "/id", "--unit",
                "/u")
    wait_for_rows(database, 1)
    assert [str(cell) for cell in database.rows("SELECT key, value, unit FROM reading")[0]] == ["17", "2.5", "V"]


def test_raw(programs, brokers, database, topic):
    create_topic(brokers.kafka.address, topic)
    producer = Producer({"bootstrap.servers": brokers.kafka.address})
    producer.produce(topic, bytes(range(256)), b"\xff\x00", headers=[("a", b"1"), ("b", b"\x00"), ("c", None), ("d", b"\xff")])
    producer.produce(topic, None, None)
    producer.produce(topic, b"x" * 900_000, b"large")
    assert producer.flush(30) == 0
    start_store(programs, database, topic, "--raw")
    wait_for_rows(database, 3, table="message")
    hexes = "hex({})" if database.name == "sqlite" else "upper(encode({}, 'hex'))"
    rows = database.rows(f"SELECT {hexes.format('key')}, {hexes.format('payload')}, headers FROM message ORDER BY kafka_offset")
    assert rows[0][:2] == ("FF00", bytes(range(256)).hex().upper())
    assert json.loads(rows[0][2]) == [{"name": "a", "value": "1"}, {"name": "b", "value_base64": "AA=="}, {"name": "c", "value": None},
                                      {"name": "d", "value_base64": "/w=="}]
    assert not rows[1][0] and not rows[1][1]
    assert len(rows[2][1]) == 1_800_000


def test_a_row_that_the_database_refuses_stands_alone(programs, brokers, server, topic):
    """A constraint that the user has added: only the messages that violate it go to reject."""
    database = PostgreSQL(server)
    create_topic(brokers.kafka.address, topic)
    store = start_store(programs, database, topic)
    store.wait_for_log("connected to")
    server.sql("ALTER TABLE reading ADD CHECK (value < 1000)")
    send(brokers, topic, [reading(number) for number in (1, 2, 80000, 3, 4, 90000, 5)])
    wait_for_rows(database, 5)
    wait_for_rows(database, 2, table="reject")
    check_once(database, topic, {0: 7}, ("reading", "reject"))
    assert all("check constraint" in row[0] for row in database.rows("SELECT reason FROM reject"))


@pytest.fixture(scope="module")
def sensors(brokers):
    """Two topics of sensors with three moments."""
    for name in ("temp", "pir"):
        create_topic(brokers.kafka.address, name)
    for name, key, number, value in (("temp", b"1", 1, 20), ("temp", b"2", 1, 21), ("pir", b"6", 1, 0), ("temp", b"1", 2, 22)):
        send(brokers, name, [(key, json.dumps({"time": f"2020-01-01T00:00:0{number}", "value": value, "occupancy": number}).encode())])


def test_views(programs, brokers, sensors, database):
    programs.start("store", "-d", database.address, "-G", f"views-{database.name}", "-t", "temp", "-t", "pir")
    wait_for_rows(database, 4)
    room = database.rows("SELECT temp_1, temp_2, pir_6, occupancy FROM room ORDER BY time")
    assert [[float(cell) if cell not in (None, "") else None for cell in row] for row in room] == [[20, 21, 0, 1], [22, None, None, 2]]
    latest = database.rows("SELECT topic, key, value FROM latest ORDER BY topic, key")
    assert [(row[0], str(row[1]), float(row[2])) for row in latest] == [("pir", "6", 0), ("temp", "1", 22), ("temp", "2", 21)]


def documented(database):
    """The statements of docs/storing.md for that kind of database, with Grafana's macros as Grafana replaces them."""
    blocks = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "storing.md").read_text(), re.DOTALL)
    other = {"sqlite": "-- PostgreSQL", "postgresql": "-- SQLite"}[database.name]
    for statement, comment in re.findall(r"^([A-Z][^;]*);(.*)", "\n".join(blocks), re.MULTILINE):
        if comment.strip() == other or re.search(r"create_hypertable|add_retention|^CREATE|^GRANT", statement):
            continue
        statement = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2000-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z'", statement)
        yield re.sub(r"\$__timeGroupAlias\(time, \$__interval\)", 'floor(extract(epoch FROM time) / 60) * 60 AS "time"', statement)


def test_statements_of_the_documents(programs, brokers, sensors, server, database):
    send(brokers, "temp", [b"no reading"])
    programs.start("store", "-d", database.address, "-G", f"documents-{database.name}", "-t", "temp", "-t", "pir")
    wait_for_rows(database, 4)
    wait_for_rows(database, 1, table="reject")
    statements = sorted(documented(database), key=lambda statement: statement.startswith("DELETE"))  # which empties the table
    assert len(statements) >= 10 and sum("2100" in statement for statement in statements) == 3
    for statement in statements:
        if database.name == "postgresql":
            rows = server.sql(statement)
            assert rows or "2017" in statement or statement.startswith("DELETE")
        elif "AS \"time\"" not in statement:
            sqlite_change(database.path, statement)


def test_sigkill_loses_and_doubles_nothing(programs, brokers, database, topic):
    create_topic(brokers.kafka.address, topic, 2)
    number = 30_000
    for partition in (0, 1):
        send(brokers, topic, map(reading, range(number)), partition)
    for kill in range(8):
        # The instance's name: the group need not wait for the end of the killed one's session.
        store = start_store(programs, database, topic, "--batch", "500", "-X", "group.instance.id=one", label=f"store-{kill}")
        before = count(database)
        wait_until(lambda: count(database) > before, 60, lambda: f"more than {before} rows; {store.stderr[-2000:]}")
        store.kill()
    start_store(programs, database, topic, "-X", "group.instance.id=one")
    wait_for_rows(database, 2 * number, 90)
    check_once(database, topic, {0: number, 1: number})


def freeze_between_transactions(store, database):
    """A program that is frozen in a transaction keeps the SQLite file locked for all others."""
    while True:
        freeze(store.pid)
        if database.name != "sqlite":
            return
        connection = sqlite3.connect(database.path, timeout=1, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            store.send(signal.SIGCONT)
        finally:
            connection.close()


@pytest.mark.long
def test_two_share_partitions_and_a_zombie_cannot_write(programs, brokers, database, topic):
    """One is frozen until the other has its partitions, then continues."""
    create_topic(brokers.kafka.address, topic, 4)
    number = 4_000
    first = start_store(programs, database, topic, "--batch", "100", label="first")
    second = start_store(programs, database, topic, "--batch", "100", label="second")
    wait_until(lambda: sum(partition["position"] is not None for store in (first, second) for partition in status(store)["partitions"]) == 4
               and status(first)["partitions"] and status(second)["partitions"], 60, "both have partitions")
    for partition in range(4):
        send(brokers, topic, map(reading, range(number // 2)), partition)
    freeze_between_transactions(first, database)
    for partition in range(4):
        send(brokers, topic, map(reading, range(number // 2, number)), partition)
    wait_for_rows(database, 4 * number, 120)
    first.send(signal.SIGCONT)
    for partition in range(4):
        send(brokers, topic, map(reading, range(number, number + 100)), partition)
    wait_for_rows(database, 4 * (number + 100), 60)
    wait_until(lambda: status(first)["ready"] and status(second)["ready"], 60, "both go on")
    check_once(database, topic, {partition: number + 100 for partition in range(4)})


@pytest.mark.long
def test_the_topic_is_made_anew(programs, brokers, database, topic):
    """Noticed by the message before the position, though the new topic is longer; also while store runs, where it is shorter."""
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, map(reading, range(10)))
    store = start_store(programs, database, topic)
    wait_for_rows(database, 10)
    store.stop()
    delete_topic(brokers.kafka.address, topic)
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, map(reading, range(100, 120)))
    store = start_store(programs, database, topic)
    store.wait_for_log("created again")
    wait_for_rows(database, 30)
    assert metrics(store)["partitions_anew_total"] == 1
    delete_topic(brokers.kafka.address, topic)
    wait_until(lambda: not status(store)["partitions"], 60, "the partition is gone")
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, map(reading, range(200, 205)))
    wait_for_rows(database, 35, 90)
    assert count(database) == 35


def test_expired_offsets_and_new_partitions(programs, brokers, database, topic):
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, map(reading, range(10)))
    store = start_store(programs, database, topic)
    wait_for_rows(database, 10)
    store.stop()
    send(brokers, topic, map(reading, range(10, 30)))
    delete_records(brokers.kafka.address, topic, 20)
    store = start_store(programs, database, topic, "-X", "topic.metadata.refresh.interval.ms=1000")
    store.wait_for_log("no longer in Kafka")
    wait_for_rows(database, 20)
    assert metrics(store)["messages_expired_total"] == 10
    admin = AdminClient({"bootstrap.servers": brokers.kafka.address})  # by name: it must live until the result is there
    admin.create_partitions([NewPartitions(topic, 2)])[topic].result(30)
    send(brokers, topic, map(reading, range(5)), 1)
    wait_for_rows(database, 25)
    assert {partition["partition"] for partition in status(store)["partitions"]} == {0, 1}


# ---- the database is away ----


def away_and_back(store, database, brokers, topic, back, pattern):
    """What comes meanwhile is stored once the database is back. The consumer has not left its group."""
    store.wait_for_log(pattern)
    send(brokers, topic, map(reading, range(10, 20)))
    wait_until(lambda: request(address_of(store), "/readyz").status == 503, 30, "not ready")
    assert "database" in request(address_of(store), "/readyz").text
    assert request(address_of(store), "/healthz").status == 200
    back()
    wait_for_rows(database, 20, 60)
    check_once(database, topic, {0: 20})
    assert store.stderr.count("partitions assigned") == 1


def begin(programs, brokers, database, topic, *arguments, **options):
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, map(reading, range(10)))
    store = start_store(programs, database, topic, *arguments, **options)
    wait_for_rows(database, 10)
    return store


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


def sqlite_change(path, statement):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_another_file_is_refused(programs, brokers, tmp_path, topic):
    path = tmp_path / "other"
    path.write_bytes(b"not a database at all" * 100)
    store = programs.start("store", "-t", topic, "-d", f"sqlite:{path}")
    assert store.wait() == 1
    assert "not a database" in store.stderr
    assert path.read_bytes() == b"not a database at all" * 100


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


# ---- what is shown ----


def test_metrics_and_lag(programs, brokers, database, topic):
    store = begin(programs, brokers, database, topic)
    check_metrics(request(address_of(store), "/metrics").text)
    wait_until(lambda: status(store)["messages"]["lag"] == 0, 30, "no lag")
    wait_until(lambda: status(store)["ready"], 30, "ready")
    alerts = set(re.findall(r"roomstream_store_\w+", (ROOT / "config" / "prometheus-alerts.yml").read_text()))
    assert len(alerts) > 3 and alerts <= {name for name, _ in samples(request(address_of(store), "/metrics").text)}
    assert status(store)["messages"]["stored"] == 10
    assert request(address_of(store), "/readyz").text == "ready\n"
    shown = programs.run("status", "-a", address_of(store))
    assert shown.process.returncode == 0, shown.stdout
    assert re.search(rb"^store +- +connected +\S+ +\S+ +0 ", shown.stdout, re.MULTILINE), shown.stdout
    # The group's offset follows, for tools that show the lag.
    consumer = Consumer({"bootstrap.servers": brokers.kafka.address, "group.id": f"g-{topic}"})
    wait_until(lambda: consumer.committed([TopicPartition(topic, 0)], timeout=10)[0].offset == 10, 30, "the group's offset")
    consumer.close()


@pytest.mark.long
def test_lag_while_the_database_is_away(programs, brokers, server, topic):
    """Kafka is asked for the lag, but nothing more is fetched."""
    database = PostgreSQL(server)
    store = begin(programs, brokers, database, topic, "--batch", "10", "--log-level", "debug", "-X", "debug=fetch")
    server.stop()
    try:
        send(brokers, topic, map(reading, range(10, 500)))
        wait_until(lambda: status(store)["messages"]["lag"] == 490 and status(store)["lag_seconds"] > 0, 60, lambda: f"the lag: {status(store)}")
        store.wait_for_log("no more messages are read for now")
        send(brokers, topic, map(reading, range(500, 510)))
        wait_until(lambda: status(store)["messages"]["lag"] == 500, 60, "the lag of what has come since")
        read, _, after = store.stderr.partition("no more messages are read for now")
        assert "Fetch topic" in read and "Fetch topic" not in after
        store.kill()
        store = start_store(programs, database, topic, "--log-level", "debug", "-X", "debug=fetch", label="again")
        store.wait_for_log("partitions assigned")
        begun = time.monotonic()
        assert store.stop() == 0
        assert time.monotonic() - begun < 5, "nothing is to be written, so there is nothing to wait for"
        assert "Fetch topic" not in store.stderr
    finally:
        server.start()
    start_store(programs, database, topic, label="last")
    wait_for_rows(database, 510)
    check_once(database, topic, {0: 510})


@pytest.mark.long
def test_kafka_goes_away(programs, brokers, database, topic):
    store = begin(programs, brokers, database, topic)
    brokers.kafka.kill()
    brokers.kafka.start()
    send(brokers, topic, map(reading, range(10, 20)))
    wait_for_rows(database, 20, 120)
    check_once(database, topic, {0: 20})
    assert store.is_running()


@pytest.mark.long
def test_another_takes_its_instance_id(programs, brokers, tmp_path, topic):
    """Kafka fences it, as a restarted Kafka does with a single member. It joins again. Two with one id do not end each other."""
    database = SQLite(tmp_path)
    first = begin(programs, brokers, database, topic, "-X", "group.instance.id=one")
    second = start_store(programs, database, topic, "-X", "group.instance.id=one", label="second")
    threads = len(os.listdir(f"/proc/{first.pid}/task"))
    for fenced in (first, second):
        fenced.wait_for_log("group.instance.id to another member")
    second.kill()
    send(brokers, topic, map(reading, range(10, 20)))
    wait_for_rows(database, 20, 60)
    check_once(database, topic, {0: 20})
    assert first.stderr.count("partitions assigned") <= 4
    wait_until(lambda: len(os.listdir(f"/proc/{first.pid}/task")) <= threads, 10, "nothing is left of the client before")
    assert first.stop() == 0


def test_sigterm_writes_what_was_read(programs, brokers, database, topic):
    store = begin(programs, brokers, database, topic)
    assert store.stop() == 0
    assert "stopped: consumed 10 = stored 10 + rejected 0" in store.stderr
