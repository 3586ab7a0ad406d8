"""kafka-consume: prints what kcat prints, from the place that it is given, and commits only what is written."""

import base64
import json
import os
import subprocess
import threading
import time
import uuid
from collections import Counter

import pytest
from bridges import Bridge
from clients import create_topic, delete_topic, produce
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from programs import BIN, tied
from waiting import wait_until

TIME = (int(time.time()) - 3600) * 1000  # ms since 1970. Not long ago: Kafka deletes old messages


@pytest.fixture
def topic():
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture
def group():
    return f"g{uuid.uuid4().hex[:8]}"


@pytest.fixture
def consume(brokers):
    """Runs kafka-consume to its end; returns its output."""

    def run(*arguments, status=0, limit=30, **options):
        result = subprocess.run(tied([BIN / "kafka-consume", *arguments]), capture_output=True, timeout=limit,
                                stdin=subprocess.DEVNULL, env={**os.environ, **brokers.env}, **options)
        assert result.returncode == status, result.stderr
        return result.stderr.decode() if status else result.stdout

    return run


def kcat(brokers, *arguments):
    return subprocess.run(["kcat", "-b", brokers.kafka.address, "-C", "-q", *arguments], check=True, capture_output=True,
                          timeout=30, stdin=subprocess.DEVNULL).stdout


MESSAGES = [  # key, value, headers (whose values kcat cuts at a NUL byte)
    (b"key", b"value", None),
    (None, b"no key", None),
    (b"", b"empty key", None),
    (b"tombstone", None, None),
    (b"nothing", b"", None),
    (b"k\xff\0", bytes(range(256)), None),
    (b"\xc3\xa4", "Grüße \u20ac \U0001f321 \"\\/\t\r\n".encode(), None),
    (b"one", b"header", [("name", b"value")]),
    (b"more", b"headers", [("a", b"1"), ("a", b"2"), ("empty", b""), ("null", None), ("binary", b"\xfex")]),
    (b"large", b"x" * 900_000, None),
]


@pytest.fixture(scope="module")
def mixed(brokers):
    """A topic with all kinds of messages."""
    topic = "mixed"
    create_topic(brokers.kafka.address, topic)
    producer = Producer({"bootstrap.servers": brokers.kafka.address})
    for number, (key, value, headers) in enumerate(MESSAGES):
        producer.produce(topic, value, key, headers=headers, timestamp=TIME + 1000 * number)
    assert producer.flush(30) == 0
    return topic


# ---- what is printed ----


FORMATS = [("-f", f"%{letter}|") for letter in "sSRkKtpoTh%"] + [
    ("-f", r"%t [%p] at %o: %k (%K) = %s (%S) %h %T\n"), ("-f", r"a\tb\r\n\x41\x7e%s"), ("-f", "no sequence "), ("-f", "%%s%s%%"),
    (), ("-K", ":"), ("-K", r"\t"), ("-D", ""), ("-D", "--\\n"), ("-K", "::", "-D", r"\x1e"),
]


@pytest.mark.parametrize("options", FORMATS, ids=" ".join)
def test_prints_what_kcat_prints(brokers, consume, mixed, options):
    count = str(len(MESSAGES))
    printed = consume("-t", mixed, "-c", count, *options)
    assert printed == kcat(brokers, "-t", mixed, "-c", count, *options)
    assert printed


def test_null_is_shown_and_empty_is_not(consume, mixed):
    # kcat -Z prints NULL for what is empty too, which loses the difference.
    lines = consume("-t", mixed, "-c", "5", "-K", ":", "-Z").split(b"\n")
    assert lines == [b"key:value", b"NULL:no key", b":empty key", b"tombstone:NULL", b"nothing:", b""]


@pytest.mark.parametrize("option, value, reason", [
    ("-f", "%y", "'%y' is unknown"), ("-f", "x%", "incomplete"), ("-f", r"\q", "escapes"), ("-D", r"\x1", "escapes"), ("-K", "\\", "escapes"),
    ("-o", "first", "none of beginning"), ("-o", "s@noon", "is not a time"), ("-o", "1x", "none of beginning"),
    ("-t", "no/topic", "is not a Kafka topic"),
])
def test_wrong_use(consume, option, value, reason):
    assert reason in consume("-t", "any", option, value, status=2)


def from_json(object, name):
    if f"{name}_base64" in object:
        assert name not in object
        return base64.b64decode(object[f"{name}_base64"], validate=True)
    return None if object[name] is None else object[name].encode()


def test_json_lines_hold_everything(consume, mixed):
    lines = consume("-t", mixed, "-J", "-e").decode().removesuffix("\n").split("\n")
    for number, (line, (key, value, headers)) in enumerate(zip(lines, MESSAGES, strict=True)):
        message = json.loads(line)
        assert (message["topic"], message["partition"], message["offset"]) == (mixed, 0, number)
        assert message["timestamp"] == TIME + 1000 * number
        assert (from_json(message, "key"), from_json(message, "value")) == (key, value)
        assert [(header["name"], from_json(header, "value")) for header in message["headers"]] == (headers or [])


def test_prints_what_a_bridge_writes(brokers, mqtt_client, programs, tmp_path, consume):
    bridge = Bridge(programs, tmp_path).start()
    mqtt_client.published(mqtt_client.publish(bridge.topic, b"24.9", user_properties=[("key", "1")], ContentType="text/plain"))
    message = json.loads(consume("-t", bridge.topic, "-J", "-c", "1"))
    assert (message["key"], message["value"]) == ("1", "24.9")
    assert {header["name"]: header["value"] for header in message["headers"]} == {
        "key": "1", "content-type": "text/plain", "mqtt.topic": bridge.topic, "mqtt.qos": "1", "mqtt.retain": "0"}


# ---- from where, until when ----


@pytest.mark.parametrize("offset, first", [
    ("beginning", 0), ("0", 0), ("7", 7), ("end", 10), ("10", 10), ("-1", 9), ("-3", 7), ("-99", 0), (f"-{2**63 - 1}", 0),
    (f"s@{TIME}", 0), (f"s@{TIME + 3000}", 3), (f"s@{TIME + 3001}", 4), (time.strftime("s@%Y-%m-%dT%H:%M:%SZ", time.gmtime(TIME // 1000 + 5)), 5), (f"s@{TIME + 86400000}", 10),
])
def test_begins_at(consume, mixed, offset, first):
    assert consume("-t", mixed, "-o", offset, "-e", "-f", "%o ").decode().split() == [str(n) for n in range(first, 10)]


def test_an_offset_that_is_not_there_is_a_failure(consume, mixed):
    assert "partition 0" in consume("-t", mixed, "-o", "11", status=1)


def test_partitions_and_topics(brokers, consume, topic):
    create_topic(brokers.kafka.address, topic, 3)
    create_topic(brokers.kafka.address, f"{topic}-2")
    producer = Producer({"bootstrap.servers": brokers.kafka.address})
    for partition in range(3):
        producer.produce(topic, str(partition), partition=partition)
    producer.produce(f"{topic}-2", "other")
    assert producer.flush(30) == 0
    assert sorted(consume("-t", topic, "-e").split()) == [b"0", b"1", b"2"]
    assert sorted(consume("-t", topic, "-t", f"{topic}-2", "-t", topic, "-e").split()) == [b"0", b"1", b"2", b"other"]
    assert consume("-t", topic, "-p", "1", "-e").split() == [b"1"]
    assert "has no partition 3" in consume("-t", topic, "-p", "3", "-e", status=1)


def test_a_topic_that_is_missing(brokers, programs, consume, topic, group):
    assert topic in consume("-t", topic, "-e", status=1)
    assert topic in consume("-t", topic, "-e", "-G", group, status=1)
    waiting = [programs.start("kafka-consume", "-t", topic, "-c", "1", *options, "-X", "topic.metadata.refresh.interval.ms=500")
               for options in ((), ("-G", group))]
    for program in waiting:
        program.wait_for_log(topic)
    create_topic(brokers.kafka.address, topic)
    produce(brokers.kafka.address, topic, ["late"])
    for program in waiting:
        assert program.wait() == 0, program.stderr
        assert program.stdout == b"late\n"


def test_time_limit(consume, mixed):
    consume("-t", mixed, "-o", "end", "-W", "0.5", status=27)


def test_transactions(brokers, consume, topic):
    create_topic(brokers.kafka.address, topic)
    producer = Producer({"bootstrap.servers": brokers.kafka.address, "transactional.id": topic})
    producer.init_transactions(30)
    for text, end in (("kept", producer.commit_transaction), ("dropped", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(topic, text)
        assert producer.flush(30) == 0
        end(30)
    producer.begin_transaction()
    producer.produce(topic, "open")
    assert producer.flush(30) == 0
    assert consume("-t", topic, "-e") == b"kept\n"
    assert consume("-t", topic, "-e", "-X", "isolation.level=read_uncommitted") == b"kept\ndropped\nopen\n"
    producer.commit_transaction(30)
    assert consume("-t", topic, "-e") == b"kept\nopen\n"


class Trickle:
    """Writes numbers to each partition of a topic in turn, some a second, until it is stopped; the first `at_once` before it returns. With
    transactions each number is one of its own, and each third is followed by one that is aborted."""

    def __init__(self, brokers, topic, partitions, at_once, transactions=False):
        self.producer = Producer({"bootstrap.servers": brokers.kafka.address, **({"transactional.id": topic} if transactions else {})})
        self.topic, self.partitions, self.transactions = topic, partitions, transactions
        self.count = self.begun = 0  # numbers that can be read, and those that are not yet committed
        if transactions:
            self.producer.init_transactions(30)
        for _ in range(at_once):
            self.write()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def write(self):
        number, self.begun = self.begun, self.begun + 1
        texts = [str(number), "aborted"] if self.transactions and number % 3 == 0 else [str(number)]
        for text in texts:
            if self.transactions:
                self.producer.begin_transaction()
            self.producer.produce(self.topic, text, partition=number % self.partitions)
            assert self.producer.flush(30) == 0
            if self.transactions:
                (self.producer.abort_transaction if text == "aborted" else self.producer.commit_transaction)(30)
        self.count += 1

    def run(self):
        while not self.stopping.wait(0.05):
            self.write()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


@pytest.mark.parametrize("transactions", [False, True], ids=["plain", "transactions"])
@pytest.mark.long
def test_the_end_is_that_of_the_start_while_messages_come(brokers, consume, topic, group, transactions):
    create_topic(brokers.kafka.address, topic, 4)  # the last one stays empty
    everything = []
    with Trickle(brokers, topic, 3, 30, transactions) as trickle:
        for options in ((), ("-G", group), ("-G", group), ("-G", group, "-X", "partition.assignment.strategy=cooperative-sticky"), ("-p", "1")):
            before = trickle.count
            numbers = [int(line) for line in consume("-t", topic, "-e", *options).split()]
            if "-G" in options:  # nothing between two of them is missing or doubled
                everything += numbers
                assert set(range(before)) <= set(everything)
                for partition in range(3):
                    found = [number for number in everything if number % 3 == partition]
                    assert found == list(range(partition, partition + 3 * len(found), 3))
            else:
                wanted = [number for number in range(before) if "-p" not in options or number % 3 == 1]
                assert set(wanted) <= set(numbers) and max(numbers) < trickle.begun
        assert consume("-t", topic, "-p", "3", "-e") == b""


def test_the_last_messages_are_those_that_can_be_read(brokers, consume, topic):
    create_topic(brokers.kafka.address, topic, 2)
    trickle = Trickle(brokers, topic, 1, 25, transactions=True)
    trickle.producer.begin_transaction()  # a gap of many offsets
    for number in range(300):
        trickle.producer.produce(topic, "aborted", partition=0)
    trickle.producer.flush(30)
    trickle.producer.abort_transaction(30)

    def last(count, *options):
        return consume("-t", topic, "-p", "0", "-o", f"-{count}", "-e", *options).decode().split()

    for count in (0, 1, 2, 10, 24, 25, 26, 9999):
        assert last(count) == [str(number) for number in range(max(25 - count, 0), 25)], count
    assert last(302, "-X", "isolation.level=read_uncommitted") == ["24"] + ["aborted"] * 301
    assert consume("-t", topic, "-o", "-2", "-e").split() == [b"23", b"24"]  # the other partition is empty
    assert consume("-t", topic, "-o", "-2", "-c", "2").split() == [b"23", b"24"]


def test_the_last_messages_before_an_open_transaction(brokers, consume, topic):
    create_topic(brokers.kafka.address, topic)
    trickle = Trickle(brokers, topic, 1, 5, transactions=True)
    trickle.producer.begin_transaction()
    trickle.producer.produce(topic, "open")
    trickle.producer.flush(30)
    assert consume("-t", topic, "-o", "-2", "-e").split() == [b"3", b"4"]
    assert consume("-t", topic, "-o", "-2", "-e", "-X", "isolation.level=read_uncommitted").split() == [b"4", b"open"]
    trickle.producer.abort_transaction(30)


@pytest.mark.parametrize("options", [(), ("-G",)], ids=["alone", "group"])
@pytest.mark.long
def test_ends_in_time_after_its_topic_was_deleted(brokers, programs, topic, group, options):
    create_topic(brokers.kafka.address, topic)
    produce(brokers.kafka.address, topic, ["1"])
    program = programs.start("kafka-consume", "-t", topic, *options, *([group] if options else []), "-X", "topic.metadata.refresh.interval.ms=500")
    wait_until(lambda: program.stdout == b"1\n", 30, "the message is printed")
    delete_topic(brokers.kafka.address, topic)
    program.wait_for_log(r"no longer available|Unknown topic|Unknown partition")
    assert program.stop(15) == 0


# ---- the output's end ----


def test_ends_when_the_reader_is_gone(brokers, mixed):
    process = subprocess.Popen(tied([BIN / "kafka-consume", "-t", mixed]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               env={**os.environ, **brokers.env})
    try:
        assert process.stdout.readline() == b"value\n"
        process.stdout.close()  # and no more messages come
        wait_until(lambda: process.poll() is not None, 10, "kafka-consume ends")
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.long
def test_what_is_not_written_is_not_committed(brokers, consume, topic, group):
    create_topic(brokers.kafka.address, topic)
    produce(brokers.kafka.address, topic, ["1", "2"])
    with open("/dev/full", "wb") as full:
        result = subprocess.run([BIN / "kafka-consume", "-t", topic, "-G", group], stdout=full, stderr=subprocess.PIPE, timeout=30,
                                stdin=subprocess.DEVNULL, env={**os.environ, **brokers.env})
    assert result.returncode == 1
    assert b"No space left on device" in result.stderr
    assert consume("-t", topic, "-G", group, "-e") == b"1\n2\n"


# ---- groups ----


def committed(brokers, group, topic, partitions=1):
    """The group's positions, 0 where it has none."""
    consumer = Consumer({"bootstrap.servers": brokers.kafka.address, "group.id": group})
    try:
        found = consumer.committed([TopicPartition(topic, partition) for partition in range(partitions)], timeout=30)
        return [max(one.offset, 0) for one in found]
    finally:
        consumer.close()


def test_a_group_goes_on_where_it_stopped(brokers, consume, topic, group):
    create_topic(brokers.kafka.address, topic)
    produce(brokers.kafka.address, topic, map(str, range(10)))
    assert consume("-t", topic, "-G", group, "-c", "3").split() == [b"0", b"1", b"2"]
    assert consume("-t", topic, "-G", group, "-e", "-X", "partition.assignment.strategy=cooperative-sticky").split() == [
        str(n).encode() for n in range(3, 10)]
    assert consume("-t", topic, "-G", group, "-e") == b""
    assert consume("-t", topic, "-G", f"{group}-2", "-o", "end", "-e") == b""


@pytest.mark.long
def test_the_position_stays_behind_a_reader_that_is_slow(brokers, topic, group):
    create_topic(brokers.kafka.address, topic)
    produce(brokers.kafka.address, topic, (f"{n:0999}" for n in range(5000)))
    reading, writing = os.pipe()
    process = subprocess.Popen(tied([BIN / "kafka-consume", "-t", topic, "-G", group, "-X", "auto.commit.interval.ms=50"]),
                               stdin=subprocess.DEVNULL, stdout=writing, env={**os.environ, **brokers.env})
    os.close(writing)
    with open(reading, "rb") as pipe:
        taken = [pipe.readline() for _ in range(600)]
        wait_until(lambda: committed(brokers, group, topic)[0] > 0, 20, "something is committed")
        process.kill()
        process.wait()
        taken += pipe.read().split(b"\n")[:-1]  # what the pipe holds; the last line is cut
    assert 0 < committed(brokers, group, topic)[0] <= len(taken) < 5000


class Load:
    """Writes numbers to a topic, some thousand a second, until it is stopped."""

    def __init__(self, brokers, topic):
        self.producer = Producer({"bootstrap.servers": brokers.kafka.address, "enable.idempotence": True})
        self.topic = topic
        self.count = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping.wait(0.02):
            for _ in range(100):
                self.producer.produce(self.topic, str(self.count), str(self.count))
                self.count += 1
            self.producer.poll(0)
        assert self.producer.flush(30) == 0

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


def printed(*members):
    """The numbers in their outputs; the last line of one that was killed may be cut."""
    return [int(line) for member in members for line in member.stdout.split(b"\n")[:-1]]


def members_of(brokers, group):
    return len(AdminClient({"bootstrap.servers": brokers.kafka.address}).list_groups(group, timeout=30)[0].members)


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
@pytest.mark.long
def test_members_share_and_lose_nothing(brokers, programs, topic, group, strategy):
    create_topic(brokers.kafka.address, topic, 4)

    def member(label):
        return programs.start("kafka-consume", "-t", topic, "-G", group, "--log-level", "info", "-X", "session.timeout.ms=6000",
                              "-X", "heartbeat.interval.ms=300", "-X", f"partition.assignment.strategy={strategy}", label=label)

    def prints_more(program):
        before = len(program.stdout)
        wait_until(lambda: len(program.stdout) > before + 5000, 30, lambda: f"{program.name} prints: {program.stderr}")

    with Load(brokers, topic) as load:
        first = member("first")
        prints_more(first)
        second = member("second")  # a rebalance under load
        prints_more(second)
        third = member("third")
        prints_more(third)
        assert second.stop() == 0  # leaves the group at once, so there is no session timeout
        assert members_of(brokers, group) == 2
        prints_more(third)
        prints_more(first)
        orderly = Counter(printed(first, second, third))
        assert max(orderly.values()) == 1
        first.kill()
        known = load.count  # what comes from now on was not printed by the first one
        wait_until(lambda: third.stdout and max(printed(third)) > known, 30, "the third goes on")
    everything = set(range(load.count))
    wait_until(lambda: set(printed(first, second, third)) >= everything, 30,
               lambda: f"all is printed, not {load.count - len(set(printed(first, second, third)))} less")
    assert third.stop() == 0
    found = Counter(printed(first, second, third))
    assert set(found) == everything
    doubled = {number for number, count in found.items() if count > 1}
    assert doubled <= set(printed(first))  # only what the killed one had printed is doubled
    assert len(doubled) < 20000
    assert sum(committed(brokers, group, topic, 4)) == load.count
