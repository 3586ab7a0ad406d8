"""kafka-produce: each line a message, and an account of each line."""

import base64
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import uuid
from contextlib import contextmanager

import pytest
from clients import create_topic, end_offset, read_topic, topic_partitions, topic_setting, wait_for_messages
from programs import BIN, tied
from waiting import wait_until


START = int(time.time() * 1000) - 3_600_000  # ms since 1970, an hour ago: Kafka deletes old messages


@pytest.fixture
def topic(brokers):
    name = f"t{uuid.uuid4().hex[:8]}"
    create_topic(brokers.kafka.address, name)
    return name


def command_of(topic, arguments):
    return tied([BIN / "kafka-produce", "-t", topic, *arguments])


@pytest.fixture
def produce(brokers):
    """Runs kafka-produce to its end; returns what it logged."""

    def run(topic, lines, *arguments, status=0):
        result = subprocess.run(command_of(topic, arguments), input=lines, capture_output=True, timeout=60,
                                env={**os.environ, **brokers.env})
        assert result.returncode == status, result.stderr
        assert result.stdout == b""
        return result.stderr.decode()

    return run


@contextmanager
def running(brokers, topic, *arguments, stderr=subprocess.PIPE):
    """kafka-produce with a pipe as its input."""
    process = subprocess.Popen(command_of(topic, arguments), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr,
                               env={**os.environ, **brokers.env})
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stderr):
            if pipe:
                pipe.close()


def content(brokers, topic):
    return [(message.key(), message.value()) for message in read_topic(brokers.kafka.address, topic)]


def values(brokers, topic):
    return [value for _, value in content(brokers, topic)]


# ---- lines and messages ----


LINES = [  # input, options, messages
    (b"one\ntwo\n", [], [(None, b"one"), (None, b"two")]),
    (b"no newline at the end", [], [(None, b"no newline at the end")]),
    (b"\n\nempty\n", [], [(None, b""), (None, b""), (None, b"empty")]),
    (b"\0\xff\r\n\x1b\n", [], [(None, b"\0\xff\r"), (None, b"\x1b")]),
    (b"x" * 900_000 + b"\ny", [], [(None, b"x" * 900_000), (None, b"y")]),
    (b"k:v\nk:v:w\n:v\nk:\nplain\n", ["-K", ":"], [(b"k", b"v"), (b"k", b"v:w"), (b"", b"v"), (b"k", b""), (None, b"plain")]),
    (b"k\t=\tv\n", ["-K", r"\t=\t"], [(b"k", b"v")]),
    (b"k:\n:v\n\nplain", ["-K", ":", "-Z"], [(b"k", None), (None, b"v"), (None, None), (None, b"plain")]),
    (b"a\n\0b\0", ["-D", r"\0"], [(None, b"a\n"), (None, b"b")]),
    (b"a--b-c---d", ["-D", "--"], [(None, b"a"), (None, b"b-c"), (None, b"-d")]),
    (b"", [], []),
]


def test_lines_become_messages(brokers, produce, topic):
    expected = []
    for lines, options, messages in LINES:
        assert f"delivered {len(messages)} of {len(messages)} lines" in produce(topic, lines, *options)
        expected += messages
    assert content(brokers, topic) == expected


def test_kcat_reads_keys_headers_and_nulls(brokers, produce, topic):
    produce(topic, b"k:v\nk:\n", "-K", ":", "-Z", "-H", "a=1", "-H", "b=x=y", "-H", "empty=", "-H", "null", "-H", "a=2")
    printed = subprocess.run(["kcat", "-b", brokers.kafka.address, "-C", "-q", "-e", "-t", topic, "-f", r"%k|%s|%S|%h\n"],
                             check=True, capture_output=True, timeout=30, stdin=subprocess.DEVNULL).stdout
    headers = b"a=1,b=x=y,empty=,null=NULL,a=2"
    assert printed == b"k|v|1|" + headers + b"\nk||-1|" + headers + b"\n"


def codec_of(brokers, topic):
    """The codec of the first batch in the topic's log, by its format (Kafka's record batch, version 2)."""
    log, = brokers.kafka.folder.glob(f"**/{topic}-0/*.log")
    attributes, = struct.unpack_from(">h", log.read_bytes(), 21)
    return ["none", "gzip", "snappy", "lz4", "zstd"][attributes & 7]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_compression(brokers, produce, topic, codec):
    lines = b"the same again and again\n" * 1000
    produce(topic, lines, "-z", codec)
    assert codec_of(brokers, topic) == codec
    options = ["-b", brokers.kafka.address, "-t", topic, "-e"]
    for command in (["kcat", "-C", "-q", *options], [BIN / "kafka-consume", *options]):
        assert subprocess.run(command, check=True, capture_output=True, timeout=30, stdin=subprocess.DEVNULL).stdout == lines


def test_partitions_and_a_topic_that_is_created(brokers, produce):
    topic = f"t{uuid.uuid4().hex[:8]}"
    produce(topic, b"first\n", "-p", "2", "--partitions", "3", "--replication", "1", "--topic-config", "retention.ms=86400000")
    assert topic_partitions(brokers.kafka.address, topic) == [0, 1, 2]
    assert topic_setting(brokers.kafka.address, topic, "retention.ms") == "86400000"
    produce(topic, b"".join(b"%d:%d\n" % (number % 5, number) for number in range(100)), "-K", ":")
    partitions = {}
    for message in read_topic(brokers.kafka.address, topic):
        if message.value() == b"first":
            assert message.partition() == 2
        else:
            partitions.setdefault(message.key(), set()).add(message.partition())
    assert [len(found) for found in partitions.values()] == [1] * 5


# ---- JSON lines ----


def test_json_lines(brokers, produce, topic):
    hour_ago = int(time.time() * 1000) - 3_600_000  # Kafka deletes old messages
    lines = [
        {"value": "text \0 \u20ac"}, {"value": None, "key": "k"}, {"value": "", "key": ""}, {"key": None, "value_base64": "AP8="},
        {"key_base64": "/w==", "value": "v", "timestamp": hour_ago},
        {"value": "v", "headers": [{"name": "a", "value": "1"}, {"name": "a", "value_base64": "/w=="}, {"name": "n", "value": None}]},
        {"value": "v", "headers": {"short": "form"}, "topic": "other", "partition": 9, "offset": 9},
    ]
    produce(topic, "\n".join(map(json.dumps, lines)).encode(), "--jsonl")
    messages = read_topic(brokers.kafka.address, topic)
    assert [(message.key(), message.value()) for message in messages] == [
        (None, "text \0 \u20ac".encode()), (b"k", None), (b"", b""), (None, b"\0\xff"), (b"\xff", b"v"), (None, b"v"), (None, b"v")]
    assert messages[4].timestamp()[1] == hour_ago
    produce(f"{topic}-old", b'{"value":"v","timestamp":0}\n', "--jsonl", "--topic-config", "retention.ms=-1")
    assert [message.timestamp()[1] for message in read_topic(brokers.kafka.address, f"{topic}-old")] == [1]
    assert [message.headers() for message in messages[5:]] == [[("a", b"1"), ("a", b"\xff"), ("n", None)], [("short", b"form")]]


@pytest.mark.parametrize("line, reason", [
    ("", "not a JSON object"), ("[1]", "not a JSON object"), ('{"value":"x"', "not a JSON object"), ('{"value":"x"} y', "not a JSON object"),
    ("{}", '"value" is missing'), ('{"valu":"x"}', '"valu" is unknown'), ('{"value":1}', '"value" is not a string'),
    ('{"value":"a","value":"b"}', "duplicate"), ('{"value":"a","value_base64":"YQ=="}', "both"), ('{"value_base64":"a"}', "not base64"),
    ('{"value":"v","key":{}}', '"key" is not a string'), ('{"value":"v","headers":"h"}', '"headers" is neither'),
    ('{"value":"v","headers":[1]}', "header is not an object"), ('{"value":"v","headers":[{"value":"x"}]}', 'header has no "name"'),
    (r'{"value":"v","headers":[{"name":"a\u0000","value":"x"}]}', "name has a NUL byte"),
    ('{"value":"v","headers":{"a":1}}', "is not a string"), ('{"value":"v","timestamp":"now"}', '"timestamp" is no'),
    ('{"value":"v","timestamp":-1}', '"timestamp" is no'), ('{"value":"v","timestamp":1.5}', '"timestamp" is no'),
])
def test_json_that_is_wrong(produce, topic, line, reason):
    log = produce(topic, b'{"value":"first"}\n' + line.encode() + b'\n{"value":"last"}\n', "--jsonl", "-q", status=1)
    assert re.search(r"line 2 not sent: .*" + re.escape(reason), log), log
    assert "delivered 2 of 3 lines" in log


def test_a_copy_by_json_is_the_same(brokers, produce, topic):
    hour_ago = int(time.time() * 1000) - 3_600_000
    lines = b"".join(json.dumps({
        "key_base64": base64.b64encode(os.urandom(4)).decode(), "value_base64": base64.b64encode(bytes([n]) * n).decode(),
        "headers": [{"name": "n", "value_base64": base64.b64encode(bytes([n, 200])).decode()}], "timestamp": hour_ago + n,
    }).encode() + b"\n" for n in range(256))
    produce(topic, lines, "--jsonl")
    copy = f"{topic}-copy"
    create_topic(brokers.kafka.address, copy)
    printed = subprocess.run([BIN / "kafka-consume", "-b", brokers.kafka.address, "-t", topic, "-e", "-J"], check=True,
                             capture_output=True, timeout=30, stdin=subprocess.DEVNULL).stdout
    produce(copy, printed, "--jsonl")
    first, second = ([(message.key(), message.value(), message.headers(), message.timestamp()[1]) for message in
                      read_topic(brokers.kafka.address, one)] for one in (topic, copy))
    assert first == second and len(first) == 256


# ---- what is not delivered ----


def test_lines_that_cannot_be_delivered_are_named(brokers, produce, topic):
    assert "lines 1 to 3 not sent: Local: Unknown partition" in produce(topic, b"a\nb\nc\n", "-p", "7", status=1)
    log = produce(topic, b"small\n" + b"x" * 3_000_000 + b"\nnext\n" + b"y" * 999_999 + b"\nlast", status=1)
    assert "line 2 not sent: it has 3000000 bytes" in log
    assert "line 4 not sent: it has 999999 bytes" in log
    log_of_headers = produce(topic, b'{"value":"v","headers":{"h":"' + b"x" * 1_000_000 + b'"}}', "--jsonl", "-H", "a=b", status=1)
    assert "line 1 not sent: it has 1000004 bytes" in log_of_headers
    assert "delivered 3 of 5 lines" in log
    assert values(brokers, topic) == [b"small", b"next", b"last"]


def test_a_line_that_the_queue_can_never_hold_stops_no_others(brokers, produce, topic):
    lines = b"small\n" + b"x" * 3000 + b"\nlast"
    log = produce(topic, lines, "-X", "queue.buffering.max.kbytes=1", status=1)
    assert "line 2 not sent: its 3000 bytes are more than queue.buffering.max.kbytes allows" in log
    assert values(brokers, topic) == [b"small", b"last"]


BAD = ({100, 5_000, 60_001, 60_002}, 70_000)  # lines of how many; each is refused by itself


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_refused_record_takes_no_others_along(brokers, produce, topic, partitions):
    """In a topic that requires keys. Everything else arrives once, in order, with its time and headers."""
    bad, count = BAD
    topic += "-compact"
    lines = "".join(json.dumps({"key": None if number in bad else f"k{number}", "value": str(number), "timestamp": 1 + number + START}) + "\n"
                    for number in range(1, count + 1))
    log = produce(topic, lines.encode(), "--jsonl", "-q", "-H", "a=b", "--partitions", str(partitions), "--topic-config",
                  "cleanup.policy=compact", "-X", "batch.num.messages=2000", status=1)
    told = re.findall(r"lines? (\d+)(?: to (\d+))? not delivered: Broker: Broker failed to validate record \(a topic with cleanup.policy=compact", log)
    assert sorted({number for first, last in told for number in range(int(first), int(last or first) + 1)}) == sorted(bad), log
    assert f"delivered {count - len(bad)} of {count} lines" in log
    assert "warning" not in log
    messages = read_topic(brokers.kafka.address, topic)
    found = {}
    for message in messages:
        number = int(message.value())
        found.setdefault(message.partition(), []).append(number)
        assert (message.timestamp()[1], message.headers(), message.key()) == (1 + number + START, [("a", b"b")], f"k{number}".encode())
    assert sorted(sum(found.values(), [])) == [number for number in range(1, count + 1) if number not in bad]
    for numbers in found.values():
        assert numbers == sorted(numbers)


@pytest.mark.long
def test_lines_that_fit_but_not_as_a_batch(brokers, produce, topic):
    topic += "-small"
    lines = [b"%04d" % number + b"x" * 96 for number in range(1000)]
    lines[500] = b"y" * 3000
    log = produce(topic, b"\n".join(lines), "--topic-config", "max.message.bytes=2000", status=1)
    assert re.search(r"line 501 not delivered: Broker: Message size too large \(see the topic's max.message.bytes\)", log), log
    assert values(brokers, topic) == lines[:500] + lines[501:]


def test_a_time_that_kafka_refuses(brokers, produce, topic):
    topic += "-times"
    lines = [{"value": str(number), "timestamp": START + 10**10 if number == 4 else START} for number in range(9)]
    log = produce(topic, "\n".join(map(json.dumps, lines)).encode(), "--jsonl", "--topic-config", "message.timestamp.after.max.ms=3600000", status=1)
    assert re.search(r"line 5 not delivered: Broker: Invalid timestamp \(see the topic's message.timestamp.before.max.ms", log), log
    assert values(brokers, topic) == [b"%d" % number for number in range(9) if number != 4]


@pytest.mark.parametrize("lines", [1, 40])
@pytest.mark.long
def test_without_an_idempotent_producer_a_refused_record_is_found_too(brokers, produce, topic, lines):
    topic += "-plain"
    text = b"nokey\n" + b"".join(b"k%d:v%d\n" % (number, number) for number in range(1, lines))
    log = produce(topic, text, "-K", ":", "-X", "enable.idempotence=false", "--topic-config", "cleanup.policy=compact", status=1)
    assert "line 1 not delivered: Broker: Broker failed to validate record" in log
    assert sorted(values(brokers, topic)) == sorted(b"v%d" % number for number in range(1, lines))


@pytest.mark.long
def test_an_interruption_in_the_middle_of_isolation_names_every_line(brokers, topic):
    """All that was not delivered by then is named, each once."""
    topic += "-small"
    with running(brokers, topic, "--topic-config", "max.message.bytes=200", "--drain-timeout", "0.5", "-q") as process:
        for number in range(20_000):
            process.stdin.write(b"%06d" % number + b"x" * 80 + b"\n")
        process.stdin.flush()
        address = brokers.kafka.address
        wait_until(lambda: topic_partitions(address, topic) and end_offset(address, topic) > 5, 30, "some are delivered")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    named = [number for first, last in re.findall(rb"lines? (\d+)(?: to (\d+))? (?:perhaps )?not ", log)
             for number in range(int(first), int(last or first) + 1)]
    delivered = [int(value[:6]) + 1 for value in values(brokers, topic)]
    count = int(re.search(rb"delivered \d+ of (\d+) lines", log).group(1))
    assert sorted(delivered) == delivered and len(set(delivered)) == len(delivered)
    perhaps = {number for first, last in re.findall(rb"lines? (\d+)(?: to (\d+))? perhaps not ", log)
               for number in range(int(first), int(last or first) + 1)}
    assert sorted(set(named) | set(delivered)) == list(range(1, count + 1)) and set(named) & set(delivered) <= perhaps, log


def test_input_that_cannot_be_read(brokers, topic):
    for redirection in ("<&-", "</"):
        result = subprocess.run(["sh", "-c", f'exec "$0" "$@" {redirection}', BIN / "kafka-produce", "-t", topic], timeout=30,
                                capture_output=True, env={**os.environ, **brokers.env})
        assert result.returncode == 1
        assert b"cannot read standard input" in result.stderr


@pytest.mark.long
def test_a_kafka_that_never_answers(produce, topic):
    log = produce(topic, b"a\n", "-b", "127.0.0.1:1", "-X", "message.timeout.ms=500", status=1)
    assert "nothing was read" in log


@pytest.mark.parametrize("options, reason", [
    (["-t", "no/topic"], "is not a Kafka topic"), (["-D", ""], "--delimiter is empty"), (["-K", "\\q"], "escapes"), (["-H", "=v"], "has no name"),
    (["--jsonl", "-K", ":"], "--jsonl"), (["-X", "no.such=1"], "no.such"), (["-z", "zip"], "zstd"),
])
def test_wrong_use(produce, topic, options, reason):
    assert reason in produce(topic, b"", *options, status=2)


# ---- Kafka away, and the end ----


@pytest.mark.long
def test_waits_for_a_kafka_that_is_away(brokers, topic):
    brokers.kafka.stop()
    try:
        with running(brokers, topic) as process:
            process.stdin.write(b"a\nb\n")
            process.stdin.close()
            while b"waiting for Kafka" not in (line := process.stderr.readline()):
                assert line, "it ended"
            brokers.kafka.start()
            wait_until(lambda: process.poll() is not None, 60, "kafka-produce ends")
            assert process.returncode == 0
    finally:
        if not brokers.kafka.script.is_running():
            brokers.kafka.start()
    assert values(brokers, topic) == [b"a", b"b"]


def unread(pipe):
    """The number of bytes in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]


@contextmanager
def frozen(kafka):
    kafka.freeze()
    try:
        yield
    finally:
        kafka.thaw()


@pytest.mark.long
def test_messages_that_take_too_long(brokers, topic):
    with running(brokers, topic, "-X", "message.timeout.ms=1000") as process:
        process.stdin.write(b"a\n")
        process.stdin.flush()
        wait_for_messages(brokers.kafka.address, topic, 1)
        with frozen(brokers.kafka):
            _, log = process.communicate(b"b\nc\n", timeout=30)
    assert process.returncode == 1, log
    assert re.search(rb"lines 2 to 3 (perhaps )?not delivered: Local: Message timed out", log), log
    assert b"delivered 1 of 3 lines" in log


@pytest.mark.long
def test_an_interruption_has_a_time_limit(brokers, topic):
    with running(brokers, topic, "--drain-timeout", "0.5") as process:
        process.stdin.write(b"a\n")
        process.stdin.flush()
        wait_for_messages(brokers.kafka.address, topic, 1)
        with frozen(brokers.kafka):
            process.stdin.write(b"b\n")
            process.stdin.flush()
            # When the pipe is empty, it has been read: then it is in flight when the signal comes.
            wait_until(lambda: not unread(process.stdin), 10, "the line is read")
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: process.poll() is not None, 15, "kafka-produce ends")
        log = process.stderr.read()
    assert process.returncode == 1
    assert re.search(rb"line 2 (perhaps )?not delivered", log), log


def test_an_interruption_delivers_what_was_read(brokers, topic):
    with running(brokers, topic) as process:
        process.stdin.write(b"a\nb\nhalf")
        process.stdin.flush()
        wait_for_messages(brokers.kafka.address, topic, 2)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: process.poll() is not None, 15, "kafka-produce ends")
        log = process.stderr.read()
    assert process.returncode == 0
    assert b"interrupted after line 2" in log and b"delivered 2 of 2 lines" in log
    assert values(brokers, topic) == [b"a", b"b"]


@pytest.mark.long
def test_reads_no_faster_than_kafka_takes(brokers, topic):
    line = b"x" * 99 + b"\n"
    lines = line * 200
    with running(brokers, topic, "-X", "queue.buffering.max.kbytes=4096") as process:
        process.stdin.write(line)
        process.stdin.flush()
        wait_for_messages(brokers.kafka.address, topic, 1)
        with frozen(brokers.kafka):
            os.set_blocking(process.stdin.fileno(), False)
            written = len(line)

            def is_full():
                """Writes until the pipe has been full for a while."""
                nonlocal written
                before = written
                try:
                    while True:
                        written += os.write(process.stdin.fileno(), lines[written % len(line):])
                except BlockingIOError:
                    return written == before

            for _ in range(5):
                wait_until(is_full, 30, "it reads no more")
            # librdkafka's 4 MiB, the line buffer, the pipe, and what librdkafka counts only when it is sent.
            assert written < 8_000_000
        os.set_blocking(process.stdin.fileno(), True)
        _, log = process.communicate(timeout=60)
    count = -(-written // len(line))
    assert process.returncode == 0 and f"delivered {count} of {count} lines".encode() in log
    assert len(values(brokers, topic)) == count


def test_shows_its_progress_on_a_terminal(brokers, topic, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    controller, terminal = pty.openpty()
    try:
        with running(brokers, topic, stderr=terminal) as process:
            os.close(terminal)
            process.stdin.write(b"a\nb\n")
            process.stdin.flush()
            shown = b""
            while not re.search(rb"\r\x1b\[K2 messages, ", shown):
                shown += os.read(controller, 4096)
            process.stdin.close()
            wait_until(lambda: process.poll() is not None, 15, "kafka-produce ends")
            assert process.returncode == 0
    finally:
        os.close(controller)
