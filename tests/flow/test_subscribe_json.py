"""subscribe: messages as JSON, and statistics."""

import json
import re
import signal
import time
from base64 import b64decode
from datetime import datetime

import pytest
from logged import COMMON, lines_of
from subscribing import client, subscribe, topic, wait_for_output
from waiting import wait_until

PAYLOADS = [
    b"24.94", b"", b'{"a": "b"}\n', b"\x00", b"a\x00b\x1f\x7f\"\\/", b"\xff\xfe", b"ab\xc3", b"\xed\xa0\x80", "\U0001f321 \u2028\ufffe".encode(),
    bytes(range(256)) * 40, b"\xf4\x90\x80\x80", b"\xc0\x80",
]


def strict(line):
    """A JSON object of RFC 8259 whose names are all different."""

    def members(pairs):
        assert len(dict(pairs)) == len(pairs), pairs
        return dict(pairs)

    return json.loads(line.decode(), object_pairs_hook=members)


def payload_of(message):
    assert ("payload" in message) != ("payload_base64" in message)
    return message["payload"].encode() if "payload" in message else b64decode(message["payload_base64"], validate=True)


def test_any_payload_as_json(client, subscribe, topic):
    program = subscribe("-t", topic, "-q", "1", "-J", "-C", len(PAYLOADS))
    for payload in PAYLOADS:
        client.published(client.publish(topic, payload))
    assert program.wait() == 0
    messages = [strict(line) for line in program.stdout.splitlines()]
    assert [payload_of(message) for message in messages] == PAYLOADS
    assert ["payload" in message for message in messages] == [True, True, True, True, True, False, False, False, True, False, False, False]


def test_a_huge_payload_as_json(client, subscribe, topic):
    program = subscribe("-t", topic, "-q", "1", "-J", "-C", "2")
    text, binary = b"\x00\"x" * 700_000, b"\xff" * 3_000_001
    for payload in (text, binary):
        client.published(client.publish(topic, payload))
    assert program.wait() == 0
    assert [payload_of(strict(line)) for line in program.stdout.splitlines()] == [text, binary]


def test_a_message_with_all_its_properties_as_json(client, subscribe, topic):
    program = subscribe("-t", f"{topic}/#", "-q", "2", "-J", "-v", "-C", "2")
    old = subscribe("-t", f"{topic}/#", "-V", "3.1.1", "-J", "-C", "2")
    before = time.time()
    client.published(client.publish(f'{topic}/"ü', b"x", qos=2, ContentType="text/plain", CorrelationData=b"c\x00\xff", ResponseTopic="ans/wer",
                                    MessageExpiryInterval=100000, PayloadFormatIndicator=1,
                                    user_properties=[("key", "7"), ("key", "8"), ("", "ü\"")]))
    client.published(client.publish(topic, b"", qos=1))
    assert program.wait() == 0 and old.wait() == 0
    first, second = map(strict, program.stdout.splitlines())
    assert before - 0.001 <= datetime.fromisoformat(first.pop("time")).timestamp() <= time.time()
    assert 0 < first["properties"].pop("message_expiry_interval") <= 100000
    assert first == {
        "topic": f'{topic}/"ü', "qos": 2, "retain": False, "dup": False, "payload": "x",
        "properties": {
            "content_type": "text/plain", "correlation_data_base64": "YwD/", "response_topic": "ans/wer", "payload_format_indicator": 1,
            "user_properties": [{"name": "key", "value": "7"}, {"name": "key", "value": "8"}, {"name": "", "value": "ü\""}],
        },
    }
    assert second.pop("time")
    assert second == {"topic": topic, "qos": 1, "retain": False, "dup": False, "payload": ""}
    assert "properties" not in strict(old.stdout.splitlines()[0])


NESTED = [b'{"a":{"b":[1,[],{"c":{}},"x,:{}[]\\\\\\""],"d":{}},"e":[{"f":null},true]}', b"[]", b'"text"', b"24.5", b"{}"]


@pytest.mark.parametrize("format", ["%j", "%J"])
def test_pretty_is_that_of_mosquitto_sub(client, subscribe, mqtt, programs, topic, format):
    client.published(client.publish(topic, NESTED[0], retain=True))
    arguments = ["-h", "127.0.0.1", "-p", mqtt.port, "-t", topic, "-q", "1", "-V", "5", "-C", len(NESTED) + 1, "--pretty", "-F", format]
    pair = [programs.start(program, *arguments) for program in ("subscribe", "/usr/bin/mosquitto_sub")]
    wait_until(lambda: all(program.stdout.count(b"\n}\n") == 1 for program in pair), 10, "the retained message")
    for payload in NESTED:
        client.published(client.publish(topic, payload, user_properties=[("key", "7"), ("note", "a")], ContentType="application/json"))
    ours, theirs = (re.sub(rb'"tst":\t"[^"]*"', b"TIME", program.stdout) if program.wait() == 0 else program.stderr for program in pair)
    assert ours == theirs
    assert b'\n\t"topic":\t"' in ours


def test_pretty_json_of_our_own(client, subscribe, topic):
    program = subscribe("-t", topic, "-J", "--pretty", "-C", "1")
    client.published(client.publish(topic, b'{"a": 1}', user_properties=[("key", "7")]))
    assert program.wait() == 0
    assert strict(program.stdout)["payload"] == '{"a": 1}'
    assert program.stdout.decode().splitlines()[2:5] == [f'\t"topic":\t"{topic}",', '\t"qos":\t0,', '\t"retain":\tfalse,']


@pytest.mark.parametrize("arguments, reason", [([], "--pretty indents JSON: it needs --json"), (["-F", "%p"], "--output-format has no %j or %J")])
def test_pretty_without_json_is_refused(programs, mqtt, arguments, reason):
    program = programs.start("subscribe", "-h", "127.0.0.1", "-p", mqtt.port, "-t", "any", "--pretty", *arguments)
    assert program.wait() == 2 and reason in program.stderr


def publish_numbered(client, topic, numbers, node=lambda number: number % 2):
    for number in numbers:
        last = client.publish(topic, json.dumps({"seq": number, "node": node(number)}).encode())
    client.published(last)


def total(program):
    return re.search(r"total: (\d+) messages .* by seq (\d+) missing, (\d+) doubled", program.stderr).groups()


def test_statistics_count_what_is_missing_and_doubled(client, subscribe, topic):
    program = subscribe("-t", f"{topic}/#", "-q", "1", "--stats", "-C", "110")
    publish_numbered(client, f"{topic}/a", [*range(1, 51), *range(53, 61), 58, 58, 51])
    publish_numbered(client, f"{topic}/b", range(1000, 1040))
    for number in (1, 2, 4, 4, 3, 7):
        client.published(client.publish(f"{topic}/c", b"24.9", user_properties=[("seq", str(number)), ("key", "hall")]))
    for _ in range(3):
        client.published(client.publish(topic, b"no number"))
    assert program.wait() == 0
    assert program.stdout == b""
    assert total(program) == ("110", "3", "3")
    log = program.stderr
    assert f"topic '{topic}/a': 61 messages, seq 1 to 60: 1 missing, 2 doubled" in log
    assert f"topic '{topic}/a', node 0: 31 messages, 2 doubled" in log
    assert f"topic '{topic}/a', node 1: 30 messages, 0 doubled" in log
    assert f"topic '{topic}/b': 40 messages, seq 1000 to 1039: 0 missing, 0 doubled" in log
    assert f"topic '{topic}/c', node hall: 6 messages, 1 doubled" in log


def test_statistics_as_json_tell_what_each_line_is_about(client, subscribe, topic):
    program = subscribe("-t", f"{topic}/#", "-q", "1", "--stats", "-C", "6", "--log-format", "json")
    program.wait_for_log('"event":"statistics"')
    publish_numbered(client, f"{topic}/a", [1, 2, 3, 5, 5])
    publish_numbered(client, f"{topic}/b", [8], node=lambda _: "hall")
    assert program.wait() == 0

    def of(event, *left_out):
        return [{name: line[name] for name in line if name not in COMMON | set(left_out)}
                for line in lines_of(program) if line["event"] == event]

    assert of("topic_statistics") == [
        {"topic": f"{topic}/a", "messages": 5, "missing": 1, "doubled": 1},
        {"topic": f"{topic}/a", "node": "0", "messages": 1, "doubled": 0},
        {"topic": f"{topic}/a", "node": "1", "messages": 4, "doubled": 1},
        {"topic": f"{topic}/b", "messages": 1, "missing": 0, "doubled": 0},
        {"topic": f"{topic}/b", "node": "hall", "messages": 1, "doubled": 0},
    ]
    assert of("statistics_total", "bytes", "duration_ms") == [{"messages": 6, "missing": 1, "doubled": 1}]
    assert of("statistics", "bytes", "duration_ms")[0] == {"messages": 0, "missing": 0, "doubled": 0}


def test_a_line_of_statistics_comes_every_second(client, subscribe, topic):
    program = subscribe("-t", topic, "--stats", "-J")
    client.published(client.publish(topic, b'{"seq":1}'))
    wait_for_output(program, 50)
    program.wait_for_log(r"info: 1 messages \(9 B\) in \d+\.\d s: \d messages/s, \d+ B/s; by seq 0 missing, 0 doubled$")
    program.wait_for_log(r"info: 0 messages \(0 B\) in \d+\.\d s")
    program.send(signal.SIGINT)
    assert program.wait() == 0
    assert total(program) == ("1", "0", "0")
    assert strict(program.stdout)["payload"] == '{"seq":1}'


def test_no_line_of_statistics_is_made_up_for(subscribe, topic):
    program = subscribe("-t", topic, "--stats")
    program.wait_for_log("info: 0 messages")
    program.send(signal.SIGSTOP)
    stopped = time.monotonic()
    wait_until(lambda: time.monotonic() > stopped + 3.1, 10, "lines are due")
    program.send(signal.SIGCONT)
    program.wait_for_log(r"info: 0 messages \(0 B\) in ([3-9]|\d\d+)\.\d s.*\n.*info: 0 messages")
    program.send(signal.SIGINT)
    assert program.wait() == 0
    assert not re.search(r"info: 0 messages \(0 B\) in 0\.\d s", program.stderr)


def test_statistics_follow_a_bounded_number_of_nodes(client, subscribe, topic):
    program = subscribe("-t", topic, "-q", "1", "--stats", "-C", "4100")
    publish_numbered(client, topic, range(1, 4101), node=str)
    assert program.wait() == 0
    assert "4 messages were counted, but" in program.stderr
    assert total(program) == ("4100", "0", "0")
