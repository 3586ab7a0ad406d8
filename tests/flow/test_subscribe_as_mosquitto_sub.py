"""subscribe prints and ends as mosquitto_sub does, for the options that both have: both run side by side at one broker.

Intended differences are in DIFFERENT; docs/man/subscribe.1.scd.in tells them.
"""

import re
import socket
from typing import NamedTuple

import pytest
from clients import MqttClient
from programs import Program
from subscribing import client, topic
from waiting import wait_until

# ---- formats ----

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


# ---- options ----


class Case(NamedTuple):
    """Options, in which {t} stands for a topic that no other case uses and {i} for the program's client id, what is published to
    {t}/END (END, payload, QoS) once both have subscribed, and how both end."""

    options: str
    messages: tuple = ()
    status: int = 0


# The message at QoS 2 is the last: mosquitto_sub prints it at PUBREL, perhaps after one that follows.
ABC = (("a", b"1", 0), ("b", b"2", 1), ("a/x", b"\xff\x00", 1), ("c", b"3", 2))
JSON = (("a", b'{"b": [1, true, null, "c d"]}', 1), ("b", b"", 0), ("b", '"ä"'.encode(), 0))
EMPTY = (("a", b"1", 0), ("b", b"", 0), ("c", b"2", 0))

CASES = [
    Case("-t {t}/old/# -W 5", status=27),  # the first to start: ours counts from then
    Case("-t {t}/# -C 4", ABC),
    Case("-t {t}/# -C 4 -v", ABC),
    Case("-t {t}/# -C 4 -N", ABC),
    Case("-t {t}/# -C 4 -v -N", ABC),
    Case("-t {t}/# -C 4 -v -F %q:%p", ABC),
    Case("-t {t}/# -C 4 -q 1 -F %q:%p", ABC),
    Case("-t {t}/# -C 4 -q 2 -F %q:%p:%r", ABC),
    Case("-t {t}/# -C 4 -q 2 -V 3.1.1 -F %t:%q:%m:%P", ABC),
    Case("-t {t}/# -C 2", ABC),
    Case("-t {t}/a -t {t}/b/# -t {t}/+/x -C 3 -v", ABC),
    Case("-t {t}/# -T {t}/b -C 3 -v", ABC),
    Case("-t {t}/# -T {t}/a/# -T {t}/+/old -C 2 -v", ABC),
    Case("-t {t}/+ -t {t}/+/old -R -C 3 -v", ABC),
    Case("-t {t}/#  --retained-only -v -F %r:%p", ABC),
    Case("-t {t}/# -C 2 -v -F %r:%p", ABC),
    Case("-t {t}/a -t {t}/b -U {t}/a -C 1", ABC),
    Case("-t $share/{i}/{t}/# -C 4 -v", ABC),
    Case("-t $share/{i}/{t}/# -C 2 -q 1 -V 3.1.1 -v", ABC),
    Case("-t {t}/# -E"),
    Case("-t {t}/# -c -q 1 -C 4", ABC),
    Case("-t {t}/# -x 60 -q 1 -C 4", ABC),
    Case("-t {t}/# -R -C 3 -F %J", JSON),
    Case("-t {t}/# -R -C 3 -F %t:%j", JSON),
    Case("-t {t}/# -R -C 4 -F %q:%J:%l", ABC),
    *(Case(f"-t {{t}}/# -R -C 3 {how}", EMPTY) for how in ("", "-v", "-N", "-v -N", "-F %p", "-V 311 -v")),
]


@pytest.fixture
def telling_broker(tmp_path):
    """A Mosquitto that logs what it sends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nlog_type all\n")
    broker = Program(["mosquitto", "-c", tmp_path / "mosquitto.conf"], tmp_path, name="mosquitto")
    broker.wait_for_log("running")
    broker.port = port
    yield broker
    broker.stop()


def start_both(case, number, port, programs):
    """Our program and theirs, with the last packet that each one waits for before messages are published."""
    for name, version in (("subscribe", {}), ("/usr/bin/mosquitto_sub", {"3.1.1": "311"})):
        client_id = f"{name[-13:]}-{number}"
        options = [version.get(word, word).format(t=f"case{number}", i=client_id) for word in case.options.split()]
        options += [] if "-V" in options else ["-V", "5"]
        program = programs.start(name, "-h", "127.0.0.1", "-p", port, "-i", client_id, *options)
        program.awaited = f"{'UNSUBACK' if '-U' in options else 'SUBACK'} to {client_id}\n"
        yield program


def comparable(output):
    """The output without what always differs: mosquitto_sub 2.0 has a Z too many in its time stamps."""
    return re.sub(rb'"tst":"[^"]*?\.\d{6}Z?([+-]\d{4})"', rb'"tst":"\1"', output)


def test_every_option_does_what_it_does_in_mosquitto_sub(telling_broker, programs):
    with MqttClient(telling_broker.port) as client:
        for number in range(len(CASES)):
            client.published(client.publish(f"case{number}/old", b"old", retain=True))
        pairs = [list(start_both(case, number, telling_broker.port, programs)) for number, case in enumerate(CASES)]
        for program in (program for pair in pairs for program in pair):
            wait_until(lambda: program.awaited in telling_broker.stderr, 60, lambda: program.awaited)
        for number, case in enumerate(CASES):
            for end, payload, qos in case.messages:
                client.published(client.publish(f"case{number}/{end}", payload, qos))
    different = {}
    for case, (ours, theirs) in zip(CASES, pairs):
        results = [(program.wait(), comparable(program.stdout)) for program in (ours, theirs)]
        if results[0] != results[1] or results[0][0] != case.status:
            different[case.options] = results
    assert not different


# options: status of mosquitto_sub, status of ours, why
DIFFERENT = [
    ("", 1, 2, "wrong use is 2 in all our programs"),
    ("-t a/#/b", 1, 2, "wrong use"),
    ("-t a -q 3", 1, 2, "wrong use"),
    ("-t a -c", 1, 2, "wrong use: no -i"),
    ("-t a -F %z", 1, 2, "wrong use"),
    ("-t a -R --retained-only", 1, 2, "wrong use"),
    ("-U a -E", 1, 0, "unsubscribing alone is of use"),
    ("-t a -W 1 -p 1", 1, 27, "a broker that is away is waited for"),
]


@pytest.mark.parametrize("options, theirs, ours, _reason", DIFFERENT)
def test_differences_that_are_meant(mqtt, programs, options, theirs, ours, _reason):
    arguments = ["-h", "127.0.0.1", "-p", mqtt.port, *options.split()]
    assert programs.run("/usr/bin/mosquitto_sub", *arguments).process.returncode == theirs
    assert programs.run("subscribe", *arguments).process.returncode == ours
