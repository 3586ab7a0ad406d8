"""kafka-produce with FILEs: each a message, or with -l each line of one; what can be checked is refused before anything is sent."""

import os
import signal
import subprocess
import uuid
from contextlib import contextmanager

import pytest
from clients import create_topic, end_offset, read_topic, wait_for_messages
from programs import BIN, tied

LONGEST = 1_000_000 - 36  # message.max.bytes, without what Kafka's format adds


@pytest.fixture
def topic(brokers):
    name = f"t{uuid.uuid4().hex[:8]}"
    create_topic(brokers.kafka.address, name)
    return name


@pytest.fixture
def file(tmp_path):
    def make(name, content):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return make


def command(topic, arguments):
    return tied([BIN / "kafka-produce", "-t", topic, *arguments])


@pytest.fixture
def produce(brokers):
    """Runs kafka-produce to its end, without standard input; returns what it logged."""

    def run(topic, *arguments, status=0, stdin=subprocess.DEVNULL):
        result = subprocess.run(command(topic, arguments), capture_output=True, timeout=60, stdin=stdin,
                                env={**os.environ, **brokers.env}, check=False)
        assert result.returncode == status, result.stderr
        return result.stderr.decode()

    return run


@contextmanager
def running(brokers, topic, *arguments):
    process = subprocess.Popen(command(topic, arguments), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **brokers.env})
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def values(brokers, topic):
    return [message.value() for message in read_topic(brokers.kafka.address, topic)]


def test_each_file_is_a_message(brokers, topic, produce, file):
    contents = [b"two\nlines\n", b"", bytes(range(256)), b"x" * LONGEST]
    log = produce(topic, *(file(f"{n}", content) for n, content in enumerate(contents)))
    assert values(brokers, topic) == contents
    assert "delivered 4 of 4 files" in log


def test_as_kcat_does(brokers, topic, produce, file):
    files = [file("a", b"1\n2"), file("b", b"3:4\n")]
    subprocess.run(["kcat", "-b", brokers.kafka.address, "-P", "-t", topic, *files], check=True, timeout=30, stdin=subprocess.DEVNULL)
    subprocess.run(["kcat", "-b", brokers.kafka.address, "-P", "-t", topic, "-l", files[0]], check=True, timeout=30, stdin=subprocess.DEVNULL)
    produce(topic, "-P", *files)
    produce(topic, "-P", "-l", files[0])
    sent = values(brokers, topic)
    assert sent[:4] == sent[4:] == [b"1\n2", b"3:4\n", b"1", b"2"]


def test_lines_of_a_file(brokers, topic, produce, file):
    name = file("lines", b"1:one\n2:two\nno key")
    assert "delivered 3 of 3 lines" in produce(topic, "-l", name, "-K", ":")
    assert [(m.key(), m.value()) for m in read_topic(brokers.kafka.address, topic)] == [(b"1", b"one"), (b"2", b"two"), (None, b"no key")]


def test_l_without_a_file_is_standard_input(brokers, topic, produce, file):
    with open(file("input", b"a\nb\n"), "rb") as stdin:
        produce(topic, "-l", stdin=stdin)
    assert values(brokers, topic) == [b"a", b"b"]


def test_an_empty_file_as_a_tombstone(brokers, topic, produce, file):
    produce(topic, "-Z", "-H", "name=value", file("empty", b""))
    assert values(brokers, topic) == [None]


def missing(file, folder):
    return str(folder / "missing"), "cannot read {}: No such file or directory; nothing was sent"


def a_folder(file, folder):
    return str(folder), "{} is a folder: name the files in it, as {}/* does; nothing was sent"


def too_large(file, folder):
    return file("large", b"x" * (LONGEST + 1)), "{} has 999965 bytes, and message.max.bytes=1000000 allows less (-X message.max.bytes=N raises it"


@pytest.mark.parametrize("kind", [missing, a_folder, too_large])
def test_nothing_is_sent_where_a_file_cannot_be(brokers, topic, produce, file, tmp_path, kind):
    name, reason = kind(file, tmp_path)
    log = produce(topic, file("good", b"good"), name, file("last", b"last"), status=1)
    assert reason.replace("{}", name) in log
    assert end_offset(brokers.kafka.address, topic) == 0
    if kind is not too_large:  # whose lines may be short enough
        assert reason.replace("{}", name) in produce(topic, "-l", name, status=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root's rights")
def test_nothing_is_sent_where_a_file_must_not_be_read(brokers, topic, file, tmp_path):
    name = file("secret", b"x")
    os.chmod(name, 0o600)
    result = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", *command(topic, [name])], capture_output=True, text=True, timeout=30,
                            env={**os.environ, **brokers.env}, stdin=subprocess.DEVNULL, check=False)
    assert result.returncode == 1 and "Permission denied" in result.stderr
    assert end_offset(brokers.kafka.address, topic) == 0


@pytest.mark.parametrize("arguments, reason", [
    (["-l", "a", "b"], "--lines takes one FILE"), (["-K", ":", "a"], "a FILE has some with --lines"),
    (["-D", ";", "a"], "a FILE has some with --lines"), (["--jsonl", "a"], "a FILE has some with --lines"),
])
def test_wrong_use(produce, arguments, reason):
    assert reason in produce("any", *arguments, status=2)


def test_a_file_that_kafka_refuses_is_named_and_the_others_arrive(brokers, produce, file):
    topic = f"t{uuid.uuid4().hex[:8]}"
    create_topic(brokers.kafka.address, topic, config={"max.message.bytes": "1000"})
    names = [file("first", b"1"), file("large", b"x" * 2000), file("last", b"3")]
    log = produce(topic, *names, status=1)
    assert f"{names[1]} not delivered: Broker: Message size too large" in log and "delivered 2 of 3 files" in log
    assert values(brokers, topic) == [b"1", b"3"]


def test_a_fifo_is_read_to_its_end_and_an_interruption_says_what_is_left(brokers, topic, file, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with running(brokers, topic, file("first", b"1"), str(tmp_path / "fifo"), file("last", b"3")) as process:
        with open(tmp_path / "fifo", "wb") as fifo:
            fifo.write(b"half ")
            fifo.flush()
            wait_for_messages(brokers.kafka.address, topic, 1)
            fifo.write(b"and half")
        assert process.wait(30) == 0
    assert values(brokers, topic) == [b"1", b"half and half", b"3"]
    with running(brokers, topic, file("more", b"4"), str(tmp_path / "fifo"), file("never", b"6")) as process:
        with open(tmp_path / "fifo", "wb") as fifo:
            fifo.write(b"half")
            fifo.flush()
            wait_for_messages(brokers.kafka.address, topic, 4)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 1
        assert b"interrupted after file 1: what comes after it is not sent" in process.stderr.read()
    assert values(brokers, topic) == [b"1", b"half and half", b"3", b"4"]
