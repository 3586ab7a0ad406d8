"""subscribe: prints what comes, all of it and nothing else, as mosquitto_sub does, and ends as it should."""

import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from clients import MqttClient
from programs import BIN, Program, tied
from waiting import wait_until


@pytest.fixture
def client(mqtt):
    with MqttClient(mqtt.port) as connected:
        yield connected


@pytest.fixture
def topic(request):
    """A topic that no other test uses."""
    return re.sub(r"\W", "_", request.node.name)


@pytest.fixture
def subscribe(programs, mqtt):
    """Starts subscribe at the private broker; returns when the subscription stands."""

    def start(*arguments):
        program = programs.start("subscribe", "-h", "127.0.0.1", "-p", mqtt.port, "--log-level", "info", *arguments)
        program.wait_for_log(" subscribed to ")
        return program

    return start


@contextmanager
def piped(mqtt, *arguments, stdout=subprocess.PIPE):
    """subscribe with its output in a pipe. Yields the process when the subscription stands."""
    command = [BIN / "subscribe", "-h", "127.0.0.1", "-p", mqtt.port, "--log-level", "info", *arguments]
    process = subprocess.Popen(tied(command), stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)
    try:
        while b" subscribed to " not in (line := process.stderr.readline()):
            assert line, "it ended before it subscribed"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        if process.stdout:
            process.stdout.close()


def in_pipe(pipe):
    """How many bytes wait in it."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def wait_for_output(program, length, limit=30):
    """Waits until the program has printed so many bytes, and returns them."""
    wait_until(lambda: len(program.stdout) >= length, limit, lambda: f"{length} bytes, not {program.stdout[:1000]!r}")
    return program.stdout


def publish_lines(mqtt, topic, lines, tmp_path):
    """Publishes many small messages fast, at QoS 0."""
    path = tmp_path / "lines"
    path.write_bytes(lines)
    with open(path, "rb") as stream:
        command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", mqtt.port, "-t", topic, "-l"]
        subprocess.run(tied(command), stdin=stream, check=True, timeout=60)


# ---- what it prints ----

PAYLOADS = [b"plain", b"", b"\x00", b"a\x00b", b"\n\n", b"\xff\xfe\xed\xa0\x80", "grün ☃".encode(), bytes(range(256)) * 20]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_prints_any_payload_unchanged(client, subscribe, topic, qos, version):
    program = subscribe("-t", topic, "-q", qos, "-V", version, "-C", len(PAYLOADS))
    for payload in PAYLOADS:
        client.published(client.publish(topic, payload, qos))
    assert program.wait() == 0
    assert program.stdout == b"".join(payload + b"\n" for payload in PAYLOADS)


def test_prints_topics_and_no_newlines_on_request(client, subscribe, topic):
    verbose, bare, both = subscribe("-v", "-t", topic), subscribe("-N", "-t", topic), subscribe("-v", "-N", "-t", topic)
    for payload in (b"one", b"", b"two"):
        client.published(client.publish(topic, payload))
    expected = [f"{topic} {text}".encode() for text in ("one", "", "two")]
    assert wait_for_output(verbose, len(topic) * 3 + 12) == b"".join(line + b"\n" for line in expected)
    assert wait_for_output(bare, 6) == b"onetwo"
    assert wait_for_output(both, len(topic) * 3 + 9) == b"".join(expected)


def test_several_filters_and_wildcards(client, subscribe, topic):
    program = subscribe("-v", "-t", f"{topic}/a/+", "-t", f"{topic}/b/#", "-t", f"{topic}/exact", "-T", f"{topic}/b/out/#", "-C", "5")
    for end in ("a/1", "a/1/2", "b", "b/out", "b/out/x", "c", "b/1/2", "exact", "exact/x", "a/"):
        client.published(client.publish(f"{topic}/{end}", b"x"))
    assert program.wait() == 0
    assert program.stdout.decode().splitlines() == [f"{topic}/{end} x" for end in ("a/1", "b", "b/1/2", "exact", "a/")]


def test_a_shared_subscription_gives_each_message_to_one(client, subscribe, topic):
    both = [subscribe("-t", f"$share/group/{topic}", "-q", "1") for _ in range(2)]
    for i in range(20):
        client.published(client.publish(topic, b"%02d" % i))
    wait_until(lambda: sum(len(program.stdout) for program in both) >= 60, 30, "20 messages")
    outputs = [program.stdout.split() for program in both]
    assert sorted(outputs[0] + outputs[1]) == [b"%02d" % i for i in range(20)]
    assert all(outputs)


def test_retained_messages(client, subscribe, topic):
    client.published(client.publish(f"{topic}/old", b"old", retain=True))
    fresh, stale, all_ = (
        subscribe("-t", f"{topic}/#", *option) for option in (("-R", "-C", "1"), ("--retained-only",), ("-C", "2"))
    )
    wait_for_output(stale, 4)
    client.published(client.publish(f"{topic}/new", b"new", retain=True))
    assert [program.wait() for program in (fresh, stale, all_)] == [0, 0, 0]
    assert [program.stdout for program in (fresh, stale, all_)] == [b"new\n", b"old\n", b"old\nnew\n"]


def test_a_message_of_10_mb(client, subscribe, topic):
    payload = os.urandom(10_000_000)
    program = subscribe("-t", topic, "-q", "1", "-C", "1")
    hexadecimal = subscribe("-t", topic, "-q", "1", "-C", "1", "-F", "%x")
    client.published(client.publish(topic, payload))
    assert program.wait() == 0 and hexadecimal.wait() == 0
    assert program.stdout == payload + b"\n"
    assert hexadecimal.stdout == payload.hex().encode() + b"\n"


def test_a_burst_is_complete_and_in_order(mqtt, subscribe, topic, tmp_path):
    lines = b"".join(b"message %06d\n" % i for i in range(100_000))
    program = subscribe("-t", topic, "-C", "100000")
    publish_lines(mqtt, topic, lines, tmp_path)
    assert program.wait(60) == 0
    assert program.stdout == lines


def test_a_slow_reader_costs_no_message(mqtt, topic, tmp_path):
    lines = b"".join(b"%08d %s\n" % (i, b"x" * 490) for i in range(100_000))
    with piped(mqtt, "-t", topic, "-C", "100000") as process:
        publish_lines(mqtt, topic, lines, tmp_path)
        assert process.stdout.read() == lines
        assert process.wait(30) == 0


def test_memory_is_bounded_while_nobody_reads(mqtt, client, topic):
    # 64 MB wait at the broker, not in the subscriber.
    with piped(mqtt, "-t", topic, "-C", "640") as process:
        for i in range(640):
            last = client.publish(topic, b"%03d" % i + bytes(100_000))
        client.published(last)
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        assert int(peak.group(1)) < 32_000
        assert process.stdout.read() == b"".join(b"%03d" % i + bytes(100_000) + b"\n" for i in range(640))


def test_on_a_terminal_each_message_comes_at_once(mqtt, client, topic):
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as terminal, piped(mqtt, "-t", topic, stdout=theirs):
        os.close(theirs)
        for i in range(3):
            client.publish(topic, b"%d" % i)
            assert terminal.read(100) == b"%d\r\n" % i


# ---- as mosquitto_sub does ----

MESSAGES = [
    {"payload": b"hello", "qos": 0},
    {"payload": b"", "qos": 1},
    {"payload": b"\x00\n\xff\xfeA", "qos": 2},
    {"payload": b"24.94", "qos": 1, "ContentType": "text/plain; charset=utf-8", "CorrelationData": b"c\x00\xff",
     "ResponseTopic": "ans/wer", "MessageExpiryInterval": 100000, "PayloadFormatIndicator": 1,
     "user_properties": [("key", "7"), ("key", "8"), ("ü", ""), ("", "a b")]},
    {"payload": b"x", "qos": 1, "ContentType": "", "CorrelationData": b"", "PayloadFormatIndicator": 0},
]

FORMATS = [
    "", "text", "%t %p", "%p", "%x|%X|%l", "%q %r %m", "%A|%C|%D|%E|%F|%P|%R|%S", "%%", "@@", "\\\\", "%t%t%%@@\\\\x",
    "\\0|\\a|\\e|\\n|\\r|\\t|\\v|", "%40t|", "%-40t|", "%.5t|", "%40.5t|", "%-40.5t|", "%040t|", "%-040t|", "%.t|", "%.0t|", "%1t|",
    "%10p|", "%-10p|", "%010p|", "%-010p|", "%.2p|", "%.2x|", "%.2X|", "%8l|", "%08l|", "%-8l|", "%.0l|",
    "%8m|", "%08m|", "%-8m|", "%8q|%08q|%-8q|", "%8r|%08r|%.0r|", "%30C|", "%-30C|", "%030C|", "%.4C|", "%30.4C|",
    "%20D|%.1D|", "%8E|", "%08E|", "%-8E|", "%8F|", "%08F|", "%-8F|", "%.3R|", "%30P|%.1P|", "%8A|%08A|%-8A|", "%8S|%08S|%-8S|",
    "%5%|", "%.10I|", "%14.10I|", "%-14.10I|", "%014.10I|", "@Y-@m-@d|@j|@Z|@z|@a @b|@%", "@Q", "@E", "@5Y", "@\\t", "@n@t|", "%20t%-20t|",
]


def test_every_format_prints_what_mosquitto_sub_prints(mqtt, client, programs, topic):
    # The retained message shows when a subscription stands; one message at a time keeps an order at QoS 2.
    client.published(client.publish(topic, b"retained", retain=True))
    arguments = ["-h", "127.0.0.1", "-p", mqtt.port, "-q", "2", "-t", topic, "-N", "-F"]
    zone = {"TZ": "IST-5:30"}
    pairs = {
        text: (programs.start("subscribe", *arguments, f"{text};\\n", "-V", "5", env=zone),
               programs.start("/usr/bin/mosquitto_sub", *arguments, f"{text};\\n", "-V", "5", env=zone))
        for text in FORMATS
    }
    started = [program for pair in pairs.values() for program in pair]

    def all_printed(count):
        return all(program.stdout.count(b";\n") >= count for program in started)

    wait_until(lambda: all_printed(1), 60, "the retained message")
    for i, message in enumerate(MESSAGES):
        client.published(client.publish(topic, **message))
        wait_until(lambda: all_printed(i + 2), 30, f"message {i}")
    different = {text: (ours.stdout, theirs.stdout) for text, (ours, theirs) in pairs.items() if ours.stdout != theirs.stdout}
    assert not different


def test_times(client, subscribe, topic):
    program = subscribe("-t", topic, "-C", "1", "-F", "%U %I @s @N @Y-@m-@dT@H:@M:@S@z")
    before = time.time_ns()
    client.published(client.publish(topic, b"x"))
    assert program.wait() == 0
    unix, iso, seconds, nanoseconds, built = program.stdout.decode().split()
    assert re.fullmatch(r"\d+\.\d{9}", unix)
    assert before <= int(unix.replace(".", "")) <= time.time_ns()
    assert f"{seconds}.{nanoseconds}" == unix
    assert iso == built == time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(int(seconds)))


def test_where_the_width_is_a_minimum_as_the_manual_says(client, subscribe, topic):
    # mosquitto_sub 2.0 cuts a payload to the width, and does not pad a response topic that is absent.
    program = subscribe("-t", topic, "-C", "1", "-F", "%3p|%3x|%8x|%12X|%4R|")
    client.published(client.publish(topic, b"hello"))
    assert program.wait() == 0
    assert program.stdout == b"hello|68656c6c6f|68656c6c6f|  68656C6C6F|    |\n"


# ---- how it ends ----


def test_ends_after_exactly_as_many_messages_as_asked_for(mqtt, subscribe, topic, tmp_path):
    program = subscribe("-t", topic, "-C", "500")
    publish_lines(mqtt, topic, b"".join(b"%d\n" % i for i in range(5000)), tmp_path)
    assert program.wait() == 0
    assert program.stdout == b"".join(b"%d\n" % i for i in range(500))


def test_ends_with_27_when_the_time_is_over(client, subscribe, topic):
    program = subscribe("-t", topic, "-W", "3", "-C", "2")
    client.published(client.publish(topic, b"printed all the same"))
    assert program.wait() == 27
    assert program.stdout == b"printed all the same\n"


def test_the_time_is_over_without_a_broker_too(programs):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        program = programs.run("subscribe", "-h", "127.0.0.1", "-p", deaf.getsockname()[1], "-t", "x", "-W", "500ms")
    assert program.process.returncode == 27


def test_ends_when_nobody_reads_any_more(mqtt, client, topic):
    with piped(mqtt, "-t", topic) as process:
        client.publish(topic, b"first")
        assert process.stdout.readline() == b"first\n"
        process.stdout.close()  # as head -1 does; no further message comes
        assert process.wait(30) == 0


def test_ends_when_the_reader_leaves_in_the_middle_of_a_burst(mqtt, topic, tmp_path):
    with piped(mqtt, "-t", topic) as process:
        publish_lines(mqtt, topic, b"x" * 1000 + b"\n" + b"y\n" * 100_000 + b"z" * 1000 + b"\n", tmp_path)
        assert process.stdout.read(500) == b"x" * 500
        process.stdout.close()
        assert process.wait(30) == 0


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_all_printed(client, subscribe, topic, signum):
    program = subscribe("-t", topic)
    for i in range(3):
        client.published(client.publish(topic, b"%d" % i))
    wait_for_output(program, 6)
    program.send(signum)
    assert program.wait() == 0
    assert program.stdout == b"0\n1\n2\n"


def test_a_reader_that_takes_nothing_cannot_keep_it_from_ending(mqtt, client, topic):
    with piped(mqtt, "-t", topic) as process:
        client.publish(topic, bytes(200_000))
        wait_until(lambda: in_pipe(process.stdout) >= 60_000, 30, "the pipe is full")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 1
        assert b"did not take everything" in process.stderr.read()


def test_a_full_disk_is_reported(mqtt, client, topic):
    with open("/dev/full", "wb") as full, piped(mqtt, "-t", topic, stdout=full) as process:
        client.publish(topic, b"x")
        assert process.wait(30) == 1
        assert b"No space left on device" in process.stderr.read()


def test_subscribe_only(subscribe, topic):
    assert subscribe("-t", topic, "-E").wait() == 0


# ---- the broker ----


def test_waits_for_the_broker_and_comes_back_after_it_was_away(mqtt, programs, topic):
    mqtt.stop()
    program = programs.start("subscribe", "-h", "127.0.0.1", "-p", mqtt.port, "--log-level", "info", "-t", topic, "-q", "1", "-C", "2")
    program.wait_for_log("cannot connect")
    mqtt.start()
    program.wait_for_log(" subscribed to ", 60)
    with MqttClient(mqtt.port) as client:
        client.published(client.publish(topic, b"before"))
    wait_for_output(program, 7)
    mqtt.restart()
    program.wait_for_log(r"(?s) subscribed to .* lost.* subscribed to ", 60)
    with MqttClient(mqtt.port) as client:
        client.published(client.publish(topic, b"after"))
    assert program.wait() == 0
    assert program.stdout == b"before\nafter\n"


@pytest.fixture
def refusing_broker(tmp_path):
    """A Mosquitto that grants no subscription; its port."""
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    (tmp_path / "security.json").write_text(json.dumps({"defaultACLAccess": access}))
    (tmp_path / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nplugin {plugin}\n"
        f"plugin_opt_config_file {tmp_path}/security.json\n")
    broker = Program(["mosquitto", "-c", tmp_path / "mosquitto.conf"], tmp_path, name="mosquitto")
    broker.wait_for_log("running")
    yield port
    broker.stop()


def test_a_refused_subscription_is_an_error(refusing_broker, programs):
    program = programs.run("subscribe", "-h", "127.0.0.1", "-p", refusing_broker, "-t", "allowed", "-t", "secret/#")
    assert program.process.returncode == 1
    assert re.search(r"refuses the subscription to 'allowed' \(0x87", program.stderr)


# ---- wrong use ----


@pytest.mark.parametrize("arguments, message", [
    ([], "--topic is missing"),
    (["-t", ""], "--topic '' is no topic filter: it is empty"),
    (["-t", "a/#/b"], "--topic 'a/#/b' is no topic filter: # must be the last level"),
    (["-t", "a", "-t", "a+"], "--topic 'a+' is no topic filter: + must be a whole level"),
    (["-t", "a", "-T", "#/a"], "--filter-out '#/a' is no topic filter"),
    (["-t", "$share/g"], "the filter is missing"),
    (["-t", b"\xff"], "it is not valid UTF-8"),
    (["-t", "a", "-F", "%z"], "'%z' is unknown"),
    (["-t", "a", "-R", "--retained-only"], "leave nothing to print"),
    (["-t", "a", "-C", "0"], "count"),
    (["-t", "a", "-q", "3"], "qos"),
])
def test_wrong_use(arguments, message):
    result = subprocess.run([BIN / "subscribe", *arguments], capture_output=True, timeout=30)
    assert result.returncode == 2
    assert message in result.stderr.decode(errors="replace")
    assert result.stdout == b""


def test_a_closed_standard_output_is_wrong_use():
    result = subprocess.run(["sh", "-c", f"exec '{BIN}/subscribe' -t a >&-"], stderr=subprocess.PIPE, timeout=30)
    assert result.returncode == 2
    assert b"standard output is closed" in result.stderr
