"""subscribe: prints all that comes and nothing else, and ends as it should."""

import json
import os
import pty
import re
import signal
import socket
import string
import subprocess
import time
from pathlib import Path

import pytest
from clients import MqttClient
from programs import BIN, Program
from subscribing import client, in_pipe, piped, publish_lines, subscribe, topic, wait_for_output
from waiting import wait_until

# ---- what it prints ----

PAYLOADS = [b"plain", b"", b"\x00", b"a\x00b", b"\n\n", b"\xff\xfe\xed\xa0\x80", "grün ☃".encode(), bytes(range(256)) * 20]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_prints_any_payload_unchanged(client, subscribe, topic, qos, version):
    program = subscribe("-t", topic, "-q", qos, "-V", version, "-C", len(PAYLOADS))
    for payload in PAYLOADS:
        client.published(client.publish(topic, payload, qos))
    assert program.wait() == 0
    assert program.stdout == b"".join(payload + b"\n" for payload in PAYLOADS if payload)


def test_prints_topics_and_no_newlines_on_request(client, subscribe, topic):
    verbose, bare, both = subscribe("-v", "-t", topic), subscribe("-N", "-t", topic), subscribe("-v", "-N", "-t", topic)
    for payload in (b"one", b"", b"two"):
        client.published(client.publish(topic, payload))
    expected = [f"{topic} {text}".encode() for text in ("one", "(null)", "two")]  # as mosquitto_sub shows an empty one
    assert wait_for_output(verbose, len(topic) * 3 + 18) == b"".join(line + b"\n" for line in expected)
    assert wait_for_output(bare, 6) == b"onetwo"
    assert wait_for_output(both, len(topic) * 2 + 8) == expected[0] + expected[2]  # nothing without a newline


def test_several_filters_and_wildcards(client, subscribe, topic):
    program = subscribe("-v", "-t", f"{topic}/a/+", "-t", f"{topic}/b/#", "-t", f"{topic}/exact", "-T", f"{topic}/b/out/#", "-C", "5")
    for end in ("a/1", "a/1/2", "b", "b/out", "b/out/x", "c", "b/1/2", "exact", "exact/x", "a/"):
        client.published(client.publish(f"{topic}/{end}", b"x"))
    assert program.wait() == 0
    assert program.stdout.decode().splitlines() == [f"{topic}/{end} x" for end in ("a/1", "b", "b/1/2", "exact", "a/")]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_many_filters(client, subscribe, topic, version):
    program = subscribe("-V", version, "-C", "2", *(argument for i in range(1024) for argument in ("-t", f"{topic}/{i}")))
    for end in (0, 1024, 1023):
        client.published(client.publish(f"{topic}/{end}", b"%d" % end))
    assert program.wait() == 0
    assert program.stdout == b"0\n1023\n"


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


# ---- formats ----


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
        process.stdout.close()  # as head -1 does; no more messages come
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


# ---- the manual ----


def test_the_manual_describes_every_sequence_of_a_format():
    manual = re.sub(r"\\f[A-Z]", "", (BIN.parent / "man" / "roomstream-subscribe.1").read_text())
    for letter in string.ascii_letters:
        # Nothing listens at port 1: with a format that it takes, the time is over at once.
        command = [BIN / "subscribe", "-h", "127.0.0.1", "-p", "1", "-t", "x", "-W", "1ms", "-F", f"%{letter}"]
        status = subprocess.run(command, stderr=subprocess.DEVNULL, timeout=30).returncode
        assert status == (27 if f"%{letter}" in manual else 2), letter


# ---- wrong use ----


@pytest.mark.parametrize("arguments, message", [
    ([], "--topic is missing"),
    (["-t", ""], "--topic '' is not a topic filter: it is empty"),
    (["-t", "a/#/b"], "--topic 'a/#/b' is not a topic filter: # must be the last level"),
    (["-t", "a", "-t", "a+"], "--topic 'a+' is not a topic filter: + must be a whole level"),
    (["-t", "a", "-T", "#/a"], "--filter-out '#/a' is not a topic filter"),
    (["-t", "$share/g"], "the filter is missing"),
    (["-t", b"\xff"], "it is not valid UTF-8"),
    (["-t", "a", "-F", "%z"], "'%z' is unknown"),
    (["-t", "a", "-R", "--retained-only"], "leave nothing to print"),
    (["-t", "a", "-J", "-F", "%p"], "--json and --output-format are two ways"),
    (["-t", "a", "-C", "0"], "count"),
    (["-U", "a/#/b"], "--unsubscribe 'a/#/b' is not a topic filter"),
    (["-t", "a", "-c"], "--disable-clean-session needs --id"),
    (["-t", "a", "-x", "60", "-V", "3.1.1"], "--session-expiry needs --mqtt-version 5"),
    (["-t", "a", "-x", "-1"], "session-expiry"),
    (["-t", "a", "-T", "$share/g/a"], "--filter-out '$share/g/a' would match nothing"),
    (["-t", "a", "-t", "$share/g/a", "--retained-only"], "--retained-only would print nothing of '$share/g/a'"),
    (["-t", "a", "-q", "3"], "qos"),
])
def test_wrong_use(arguments, message):
    result = subprocess.run([BIN / "subscribe", *arguments], capture_output=True, timeout=30)
    assert result.returncode == 2
    assert message in result.stderr.decode(errors="replace")
    assert result.stdout == b""
