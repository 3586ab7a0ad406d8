"""store: each message in Kafka is in the database once, with every digit, or in reject with the reason, whatever is killed."""

import json
import re
import signal
import sqlite3

import pytest
from clients import create_topic, delete_records, delete_topic
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from programs import ROOT, freeze
from store_fixtures import database, reading, send, server, sqlite_change, topic
from stores import PostgreSQL, check_once, count, metrics, start_store, status, wait_for_rows
from waiting import wait_until


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
    b'{"time":"2020-13-01T00:00:00","value":1}': "time is not a time",
    b'{"time":"1600-01-01T00:00:00","value":1}': "time is not a time",
    b'{"time":"2020-01-01T00:00:00","value":"a\\u0000b"}': "NUL",
    b'{"time":"2020-01-01T00:00:00","value":"\xff"}': "no JSON",
    b'{"time":"2020-01-01T00:00:00","value":"\\ud800"}': "half of a character",
    b'{"time":"2020-01-01T00:00:00","value":"\xc0\x80"}': "not UTF-8",
    b'{"time":"2020-01-01T00:00:00","value":1,"seq":1.5}': "seq is not a whole number",
    b'{"time":"2020-01-01T00:00:00","value":1,"seq":9223372036854775808}': "seq is not a whole number",
    b"2017/12/22, 10:49:41, nan, 1, 1": "not a finite decimal number",
    b"2017/12/22, 10:49:41, inf, 1, 1": "not a finite decimal number",
    b"2017/12/22, 10:49:41, 0x10, 1, 1": "not a finite decimal number",
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
def test_the_topic_is_created_again(programs, brokers, database, topic):
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
    assert metrics(store)["partitions_recreated_total"] == 1
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
