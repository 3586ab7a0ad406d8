"""scripts/count.py finds what is lost, doubled and out of order. The messages come from a Kafka client that is not ours."""

import importlib.util
import json
import os
import pty
import re
import sqlite3
import sys
import termios

import pytest
from clients import create_topic
from confluent_kafka import Producer
from programs import ROOT, Program
from waiting import wait_until

sys.path.append(str(ROOT / "scripts"))  # where count.py finds its modules

# With the Python that runs the tests, which has Kafka's client.
COUNT = [sys.executable, ROOT / "scripts" / "count.py"]


class Counting:
    """One count.py, its topic, and the messages for it."""

    def __init__(self, brokers, folder, topic, patience, *arguments):
        self.brokers, self.folder, self.topic = brokers, folder, topic
        self.published = folder / "published"
        self.published.mkdir()
        create_topic(brokers, topic)
        self.send([1, 2, 3])  # there before the count began
        self.program = Program(
            [*COUNT, "--brokers", brokers, "--run", "r1", "--published", self.published, "--ready", folder / "ready",
             "--patience", patience, *arguments, topic], folder, name="count",
        )
        wait_until(lambda: (folder / "ready").exists() or not self.program.is_running(), 60, "count.py is ready")
        assert self.program.is_running(), self.program.stderr

    def send(self, sequences, node=1, run=b"r1"):
        producer = Producer({"bootstrap.servers": self.brokers})
        for sequence in sequences:
            payload = sequence if isinstance(sequence, bytes) else json.dumps({"seq": sequence, "node": node})
            producer.produce(self.topic, payload, headers=[("key", b"1"), ("run", run)] if run else None)
        assert producer.flush(30) == 0

    def finish(self, published):
        """Reports so many as published, and returns the exit status and the numbers of the topic's row."""
        if published is not None:
            (self.published / self.topic).write_text(f"published={published}\nacknowledged={published}\n")
        (self.published / "complete").touch()
        status = self.program.wait(60)
        rows = [line.split() for line in self.program.stdout.decode().splitlines()]
        assert [row[0] for row in rows] == ["topic", self.topic, "total"]
        assert rows[1][1:] == rows[2][1:]
        return status, rows[1][1:]


@pytest.fixture
def counting(brokers, tmp_path, request):
    started = []

    def start(*arguments, patience=2):
        topic = re.sub("[^a-z0-9]", "_", request.node.name)
        started.append(Counting(brokers.kafka.address, tmp_path, topic, patience, *arguments))
        return started[-1]

    yield start
    for count in started:
        count.program.kill()


def test_all_there(counting):
    count = counting(patience=60)
    count.send(range(1, 5001))
    count.send(range(1, 100), run=b"other")
    count.send([b"not of this run"], run=None)
    assert count.finish(5000) == (0, ["5,000", "5,000", "0", "0", "0"])


def test_what_comes_late_is_waited_for(counting):
    count = counting(patience=60)
    count.send(range(1, 10))
    (count.published / count.topic).write_text("published=10\n")
    (count.published / "complete").touch()
    count.send([10])
    assert count.finish(10) == (0, ["10", "10", "0", "0", "0"])


@pytest.mark.parametrize(
    ("sequences", "published", "status", "numbers"),
    [
        ([1, 2, 4, 5], 5, 1, ["5", "4", "1", "0", "0"]),
        ([1, 2, 3, 4], 5, 1, ["5", "4", "1", "0", "0"]),
        ([2, 3], 5, 1, ["5", "2", "3", "0", "0"]),
        ([], 5, 1, ["5", "0", "5", "0", "0"]),
        ([1, 2, 2, 3, 1], 3, 3, ["3", "5", "0", "2", "0"]),
        ([1, 3, 2, 4], 4, 3, ["4", "4", "0", "0", "1"]),
        ([1, 1, 3], 3, 1, ["3", "3", "1", "1", "0"]),
        ([1, 2], None, 1, ["unknown", "2", "unknown", "0", "0"]),
    ],
)
def test_what_is_wrong_is_found(counting, sequences, published, status, numbers):
    count = counting()
    count.send(sequences)
    assert count.finish(published) == (status, numbers)


def test_the_order_is_that_of_each_node(counting):
    count = counting(patience=60)
    count.send([1, 3, 5], node=1)
    count.send([2, 4, 6], node=2)
    assert count.finish(6) == (0, ["6", "6", "0", "0", "0"])


def make_database(path, topic, offsets, rejected=(), raw=()):
    """Makes a database like store's, as far as count.py reads it: these offsets, and a position behind the last one."""
    with sqlite3.connect(path) as database:
        for table in ("reading", "reject", "message"):
            database.execute(f"CREATE TABLE {table} (topic, kafka_partition, kafka_offset)")
        database.execute("CREATE TABLE position (topic, partition, next)")
        database.execute("INSERT INTO position VALUES (?, 0, ?)", (topic, max((*offsets, *raw)) + 1))
        database.executemany("INSERT INTO reading VALUES (?, 0, ?)", ((topic, offset) for offset in offsets))
        database.executemany("INSERT INTO reject VALUES (?, 0, ?)", ((topic, offset) for offset in rejected))
        database.executemany("INSERT INTO message VALUES (?, 0, ?)", ((topic, offset) for offset in raw))


@pytest.mark.parametrize(
    ("offsets", "rejected", "status", "stored"),
    [
        (range(8), (), 0, "5"),  # the first three were there before
        ((0, 1, 2, 3, 4, 6, 7), (5,), 0, "5"),
        ((3, 4, 6, 7), (), 5, "4"),
        ((3, 4, 4, 6, 7), (), 5, "5"),
    ],
)
def test_what_is_stored_is_counted_by_its_place_in_kafka(counting, tmp_path, offsets, rejected, status, stored):
    count = counting("--database", tmp_path / "readings.db")
    count.send(range(1, 6))
    make_database(tmp_path / "readings.db", count.topic, offsets, rejected)
    assert count.finish(5) == (status, ["5", "5", "0", "0", "0", stored])
    assert ("1 messages stand in the table reject" in count.program.stderr) == bool(rejected)


def test_what_store_has_stored_raw_counts(counting, tmp_path):
    count = counting("--database", tmp_path / "readings.db")
    count.send(range(1, 6))
    make_database(tmp_path / "readings.db", count.topic, (), raw=range(3, 8))
    assert count.finish(5) == (0, ["5", "5", "0", "0", "0", "5"])


def test_a_database_that_is_not_there_has_nothing_stored(counting, tmp_path):
    count = counting("--database", tmp_path / "readings.db")
    count.send([1])
    assert count.finish(1) == (5, ["1", "1", "0", "0", "0", "0"])
    assert f"the database {tmp_path}/readings.db cannot be read: " in count.program.stderr


def test_payloads_without_a_number_are_told(counting):
    count = counting()
    count.send([1, b"\xff\x00", b"{}", b"[1]"])
    assert count.finish(1) == (3, ["1", "4", "0", "3", "0"])
    assert "3 messages of this run without sequence number or node" in count.program.stderr


def test_kafka_that_is_not_there_is_an_error(tmp_path):
    program = Program(
        [*COUNT, "--brokers", "127.0.0.1:1", "--run", "r", "--published", tmp_path, "--ready", tmp_path / "ready", "t"],
        tmp_path, name="count",
    )
    assert program.wait(60) == 4
    assert "Kafka at 127.0.0.1:1 cannot be read" in program.stderr


def test_the_progress_line_fits_the_terminal():
    spec = importlib.util.spec_from_file_location("count", ROOT / "scripts" / "count.py")
    count = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(count)
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 40))
    with open(its, "w") as terminal, open(ours, "rb"):
        progress = count.Progress(terminal)
        wait_until(lambda: progress.show({f"topic{number}": count.Tally() for number in range(9)}) or progress._shown, 30, "a line")
        line = os.read(ours, 1000).decode()
    assert line.startswith("\r\033[K0 messages in Kafka") and len(line.removeprefix("\r\033[K")) == 39
