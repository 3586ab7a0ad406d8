"""The bridge at least once: what it carries, and that it loses nothing whatever goes away and comes back."""

import json
import re

import pytest
from bridges import Bridge, numbers, publish_numbers, wait_in_log
from brokers import Brokers
from clients import MqttClient, end_offset, read_topic, topic_partitions, wait_for_messages
from logged import lines_of
from waiting import wait_until


@pytest.fixture
def bridge(programs, tmp_path):
    return Bridge(programs, tmp_path)


def headers_of(message):
    return dict(message.headers() or [])


def test_carries_payload_key_and_properties(brokers, mqtt_client, bridge):
    bridge.start()
    mqtt_client.published(mqtt_client.publish(
        bridge.topic, b"hello", user_properties=[("key", "7"), ("colour", "green")], ContentType="text/plain",
        ResponseTopic="answers", CorrelationData=b"\x00\x01"))
    message, = wait_for_messages(brokers.kafka.address, bridge.topic, 1)
    assert message.value() == b"hello"
    assert message.key() == b"7"
    assert headers_of(message) == {
        "key": b"7", "colour": b"green", "content-type": b"text/plain", "mqtt.response-topic": b"answers",
        "mqtt.correlation-data": b"\x00\x01", "mqtt.topic": bridge.topic.encode(), "mqtt.qos": b"1", "mqtt.retain": b"0",
    }
    assert bridge.stop() == {"received": 1, "delivered": 1, "spooled": 0, "dead": 0}


@pytest.mark.parametrize("option, key", [((), "the topic"), (("--kafka-key", "topic"), "the topic"), (("--kafka-key", "none"), None)])
def test_key_without_a_property(brokers, mqtt_client, programs, tmp_path, option, key):
    bridge = Bridge(programs, tmp_path, *option).start()
    mqtt_client.published(mqtt_client.publish(bridge.topic, b"x"))
    message, = wait_for_messages(brokers.kafka.address, bridge.topic, 1)
    assert message.key() == (bridge.topic.encode() if key else None)


PAYLOADS = [
    b"plain", b"", b"\x00", b"a\x00b", b"\xff\xfe\xfd", b"\xed\xa0\x80", "grün ☃".encode(), b"line\nline\r\n",
    bytes(range(256)) * 16, b"x" * 900_000, b"last",
]


def test_carries_any_payload_unchanged(brokers, mqtt_client, bridge):
    bridge.start()
    for payload in PAYLOADS:
        mqtt_client.published(mqtt_client.publish(bridge.topic, payload))
    messages = wait_for_messages(brokers.kafka.address, bridge.topic, len(PAYLOADS))
    # An empty payload is an empty value, not a tombstone.
    assert [message.value() for message in messages] == PAYLOADS


def test_any_topic_and_many_properties(brokers, mqtt_client, programs, tmp_path):
    bridge = Bridge(programs, tmp_path, "--kafka-topic", "odd-topics", topic="odd/#").start()
    topics = ["odd/a b", "odd//", "odd/grün/☃", "odd/$x", "odd/" + "l" * 65_531]  # the last is as long as a topic can be
    properties = [(f"name{number}", "v" * number) for number in range(100)]
    for topic in topics:
        mqtt_client.published(mqtt_client.publish(topic, b"x", user_properties=properties))
    messages = wait_for_messages(brokers.kafka.address, "odd-topics", len(topics))
    assert [headers_of(message)["mqtt.topic"].decode() for message in messages] == topics
    for message in messages:
        assert {name: value.decode() for name, value in message.headers() if name.startswith("name")} == dict(properties)


def test_what_kafka_never_takes_is_a_dead_letter(brokers, mqtt_client, programs, bridge):
    bridge.start()
    huge = b"h" * 2_000_000
    for payload in [b"1", huge, b"2", huge + b"!", b"3"]:
        mqtt_client.published(mqtt_client.publish(bridge.topic, payload, user_properties=[("colour", "red")]))
    assert numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 3)) == [1, 2, 3]
    letters = bridge.letters
    wait_until(lambda: len(letters("list").stdout.splitlines()) == 2, 20, "two dead letters")
    wait_in_log(bridge.program, "dead letter:")
    listed = [line.split("\t") for line in letters("list").stdout.decode().splitlines()]
    assert [(fields[2], fields[3]) for fields in listed] == [("2000000", bridge.topic), ("2000001", bridge.topic)]
    assert all("large" in fields[4] for fields in listed), listed
    assert letters("drop").process.returncode == 1  # the bridge has the spool
    assert letters("list", "1").process.returncode == 1  # there is none with this id
    assert letters("list", "1x").process.returncode == 2
    missing = programs.run("dead-letters", "list", "--spool", bridge.spool / "nowhere")
    assert missing.process.returncode == 1 and "there is no spool" in missing.stderr
    assert bridge.stop() == {"received": 5, "delivered": 3, "spooled": 0, "dead": 2}

    first, second = listed[0][0], listed[1][0]
    exported = letters("export", second).stdout
    letter, = map(json.loads, exported.decode().splitlines())
    assert letter["payload"] == (huge + b"!").decode() and letter["topic"] == bridge.topic
    assert {"name": "colour", "value": "red"} in letter["headers"]

    assert letters("drop", first).stdout == b"1 dropped\n"
    assert letters("retry").stdout == b"1 put back into the spool\n"
    assert letters("list").stdout == b""
    bridge.options = ("-X", "message.max.bytes=3000000")
    bridge.start()
    wait_in_log(bridge.program, "dead letter:")  # this time it is the broker that refuses it
    publish_numbers(mqtt_client, bridge.topic, 4, 5)
    assert numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 5)) == [1, 2, 3, 4, 5]
    assert len(letters("list").stdout.splitlines()) == 1


@pytest.mark.long
def test_a_record_too_large_for_the_broker_takes_no_other_with_it(brokers, mqtt_client, programs, tmp_path):
    """The broker refuses the whole batch that holds it: the others of the batch must arrive."""
    bridge = Bridge(programs, tmp_path, "-X", "message.max.bytes=3000000", "-X", "linger.ms=200").start()
    infos = []
    for number in range(1, 41):
        infos.append(mqtt_client.publish(bridge.topic, str(number).encode()))
        if number in (10, 20, 21):
            infos.append(mqtt_client.publish(bridge.topic, b"x" * 1_500_000))
    for info in infos:
        mqtt_client.published(info)
    assert numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 40)) == list(range(1, 41))
    assert bridge.stop() == {"received": 43, "delivered": 40, "spooled": 0, "dead": 3}


@pytest.mark.long
def test_stops_in_time_while_messages_go_one_by_one(brokers, mqtt_client, programs, tmp_path):
    """Each record of the refused batch waits for a round trip of its own, which is long here. That must not delay the end."""
    large = ("-X", "message.max.bytes=3000000", "-X", "batch.size=3000000")  # one batch holds them all
    bridge = Bridge(programs, tmp_path, *large, "-X", "linger.ms=60", "--drain-timeout", "1").start()
    publish_numbers(mqtt_client, bridge.topic, 1, 1)
    wait_for_messages(brokers.kafka.address, bridge.topic, 1)  # the topic is there
    bridge.stop()
    brokers.kafka.freeze()
    try:
        bridge.start()
        publish_numbers(mqtt_client, bridge.topic, 2, 11)
        mqtt_client.published(mqtt_client.publish(bridge.topic, b"x" * 1_500_000))
        publish_numbers(mqtt_client, bridge.topic, 12, 500)
        wait_until(lambda: bridge.spool_bytes() > 1_500_000 + 500 * 50, 30, "all of them in the spool")
    finally:
        brokers.kafka.thaw()
    wait_until(lambda: end_offset(brokers.kafka.address, bridge.topic) >= 15, 60, "they go one by one")
    assert bridge.program.stop(25) == 0
    stopped = bridge.state("stopped")
    assert stopped["spooled"] > 100 and stopped["dead"] == 1
    bridge.options = large
    bridge.start()
    assert numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 500)) == list(range(1, 501))


def test_what_the_queue_can_never_hold_is_a_dead_letter(brokers, mqtt_client, programs, tmp_path):
    bridge = Bridge(programs, tmp_path, "-X", "queue.buffering.max.kbytes=1").start()
    for payload in (b"first", b"x" * 3000, b"last"):
        mqtt_client.published(mqtt_client.publish(bridge.topic, payload))
    assert [message.value() for message in wait_for_messages(brokers.kafka.address, bridge.topic, 2)] == [b"first", b"last"]
    assert bridge.stop() == {"received": 3, "delivered": 2, "spooled": 0, "dead": 1}


@pytest.mark.long
def test_around_the_size_limit_each_message_arrives_or_is_a_dead_letter(brokers, mqtt_client, programs, tmp_path):
    """librdkafka's message.max.bytes counts key and headers as well: somewhere in the middle of these sizes is the limit."""
    bridge = Bridge(programs, tmp_path, "-X", "message.max.bytes=100000").start()
    sizes = list(range(99_700, 100_000, 7)) + [99_999, 100_000, 100_001, 5]
    for size in sizes:
        mqtt_client.published(mqtt_client.publish(bridge.topic, b"x" * size))
    wait_until(lambda: read_topic(brokers.kafka.address, bridge.topic)[-1:] and
               len(read_topic(brokers.kafka.address, bridge.topic)[-1].value()) == 5, 30, "the last message")
    arrived = [len(message.value()) for message in read_topic(brokers.kafka.address, bridge.topic)]
    # All up to a certain size, none above it, and those that follow.
    assert arrived == sizes[: len(arrived) - 1] + [5] and 1 < len(arrived) < len(sizes) - 2
    dead = len(sizes) - len(arrived)
    assert bridge.stop() == {"received": len(sizes), "delivered": len(arrived), "spooled": 0, "dead": dead}
    assert 1 <= bridge.program.stderr.count("dead letter:") < dead  # not one line each


@pytest.mark.parametrize("options", [("-V", "5"), ("-V", "3.1.1"), ("--delivery", "exactly-once")], ids=" ".join)
@pytest.mark.long
def test_of_a_message_that_is_too_large_the_beginning_is_a_dead_letter(brokers, mqtt_client, programs, tmp_path, options):
    """Other messages are not affected, and it needs no more memory than one that is accepted."""
    bridge = Bridge(programs, tmp_path, "--message-max", "2M", *options).start()
    before = bridge.memory("VmHWM")
    mqtt_client.publish(bridge.topic, b"1")
    mqtt_client.publish(bridge.topic, b"x" * 9_000_000, user_properties=[("where", "here")])
    mqtt_client.publish(bridge.topic, b"2")
    mqtt_client.publish(bridge.topic, b"y" * 5_000_000)
    mqtt_client.published(mqtt_client.publish(bridge.topic, b"3"), 60)
    found = wait_for_messages(brokers.kafka.address, bridge.topic, 3)
    assert numbers(found) == [1, 2, 3]
    wait_until(lambda: len(bridge.letters("list").stdout.splitlines()) == 2, 20, "two dead letters")
    assert bridge.memory("VmHWM") - before < 12_000_000
    first, second = map(json.loads, bridge.letters("export").stdout.splitlines())
    assert first["payload"] == "x" * 4096 and second["payload"] == "y" * 4096 and first["topic"] == bridge.topic
    assert first["headers"] == ([] if "3.1.1" in options else [{"name": "where", "value": "here"}])
    assert re.match(r"its MQTT packet has 90000\d\d bytes, more than --message-max allows \(2097152\): only the first 4096 bytes", first["reason"])
    assert bridge.stop() == {"received": 5, "delivered": 3, "spooled": 0, "dead": 2}
    assert bridge.letters("retry").stdout == b"0 put back into the spool\n"  # Kafka is not to get a part as a whole
    assert len(bridge.letters("list").stdout.splitlines()) == 2
    assert bridge.letters("drop").stdout == b"2 dropped\n"


def test_a_retained_message_comes_once(brokers, mqtt_client, bridge):
    mqtt_client.published(mqtt_client.publish(bridge.topic, b"1", retain=True))
    bridge.start()
    wait_for_messages(brokers.kafka.address, bridge.topic, 1)
    bridge.stop()
    bridge.start()
    publish_numbers(mqtt_client, bridge.topic, 2, 3)
    messages = wait_for_messages(brokers.kafka.address, bridge.topic, 3)
    assert numbers(messages) == [1, 2, 3]
    assert [headers_of(message)["mqtt.retain"] for message in messages] == [b"1", b"0", b"0"]


def test_creates_its_topic_as_told(brokers, programs, tmp_path):
    bridge = Bridge(programs, tmp_path, "--partitions", "3").start()
    wait_until(lambda: topic_partitions(brokers.kafka.address, bridge.topic) == [0, 1, 2], 20, "three partitions")


@pytest.mark.long
def test_kafka_and_the_broker_come_and_go(tmp_path, programs):
    """In every order: down at the start, restarted, frozen. Nothing is lost or doubled."""
    with Brokers(tmp_path / "own") as brokers:
        bridge = Bridge(programs, tmp_path)
        brokers.kafka.stop()
        brokers.mqtt.stop()
        bridge.start(subscribed=False, env=brokers.env)
        wait_in_log(bridge.program, "cannot connect to the MQTT broker")
        brokers.mqtt.start()
        wait_in_log(bridge.program, "subscribed to")
        with MqttClient(brokers.mqtt.port) as client:
            publish_numbers(client, bridge.topic, 1, 100)
        brokers.kafka.start()
        wait_for_messages(brokers.kafka.address, bridge.topic, 100)
        brokers.mqtt.restart()
        wait_in_log(bridge.program, "(?s)lost.*session present")
        with MqttClient(brokers.mqtt.port) as client:
            publish_numbers(client, bridge.topic, 101, 200)
            brokers.kafka.kill()
            publish_numbers(client, bridge.topic, 201, 300)
            brokers.kafka.start()
            publish_numbers(client, bridge.topic, 301, 400)
            wait_for_messages(brokers.kafka.address, bridge.topic, 400)
            brokers.kafka.freeze()
            publish_numbers(client, bridge.topic, 401, 500)
            brokers.kafka.thaw()
            messages = wait_for_messages(brokers.kafka.address, bridge.topic, 500)
        assert numbers(messages) == list(range(1, 501))
        assert bridge.stop() == {"received": 500, "delivered": 500, "spooled": 0, "dead": 0}


def test_sigkill_loses_nothing(brokers, mqtt_client, programs, tmp_path):
    """Killed again and again in the middle of a stream; what it doubles stays within the stated bound."""
    window, receive_maximum, kills, total = 200, 50, 6, 6000
    bridge = Bridge(programs, tmp_path, "--window", window, "--receive-maximum", receive_maximum).start()
    infos = []
    for number in range(1, total + 1):
        infos.append(mqtt_client.publish(bridge.topic, str(number).encode()))
        if number % (total // (kills + 1)) == 0 and bridge.starts <= kills:
            bridge.kill()
            bridge.start()
    for info in infos:
        mqtt_client.published(info, 60)
    wait_until(lambda: len(set(numbers(read_topic(brokers.kafka.address, bridge.topic)))) == total, 60, "all messages in Kafka")
    found = numbers(read_topic(brokers.kafka.address, bridge.topic))
    assert sorted(set(found)) == list(range(1, total + 1))
    assert len(found) - total <= kills * (window + receive_maximum)
    first_seen = list(dict.fromkeys(found))
    assert first_seen == sorted(first_seen)
    assert bridge.stop()["spooled"] == 0


@pytest.mark.long
def test_leaves_the_broker_while_the_spool_is_full(tmp_path, programs):
    """With Kafka frozen the spool fills to its bound and no further; the broker keeps the rest; everything arrives."""
    with Brokers(tmp_path / "own") as brokers:
        bridge = Bridge(programs, tmp_path, "--spool-max", "1M", "--segment-size", "64K", "--window", "100")
        bridge.start(env=brokers.env)
        with MqttClient(brokers.mqtt.port) as client:
            publish_numbers(client, bridge.topic, 1, 10)
            wait_for_messages(brokers.kafka.address, bridge.topic, 10)
            brokers.kafka.freeze()
            infos = [client.publish(bridge.topic, f"{number:>2000}".encode()) for number in range(11, 2011)]
            wait_in_log(bridge.program, "near its limit")
            for info in infos:
                client.published(info, 60)
            used = sum(file.stat().st_size for file in bridge.spool.iterdir())
            assert used < 1.2 * 1024 * 1024
            brokers.kafka.thaw()
            wait_in_log(bridge.program, "reconnecting to the MQTT broker", 60)
            wait_until(lambda: set(numbers(read_topic(brokers.kafka.address, bridge.topic))) == set(range(1, 2011)), 60, "all messages in Kafka")
        # Leaving the broker is like any lost connection: it sends again what was not acknowledged.
        found = numbers(read_topic(brokers.kafka.address, bridge.topic))
        assert list(dict.fromkeys(found)) == list(range(1, 2011)) and len(found) <= 2010 + 1000
        assert bridge.stop()["spooled"] == 0


@pytest.mark.long
def test_sigterm_leaves_the_rest_in_the_spool(tmp_path, programs):
    with Brokers(tmp_path / "own") as brokers:
        bridge = Bridge(programs, tmp_path, "--drain-timeout", "1s").start(env=brokers.env)
        brokers.kafka.freeze()
        with MqttClient(brokers.mqtt.port) as client:
            publish_numbers(client, bridge.topic, 1, 50)
        # The broker has them, but perhaps not the bridge yet: each takes more than 50 bytes in the spool.
        wait_until(lambda: bridge.spool_bytes() > 50 * 50, 20, "50 messages in the spool")
        state = bridge.stop()
        assert state["received"] == 50 and state["spooled"] > 0
        brokers.kafka.thaw()
        bridge.start(env=brokers.env)
        assert sorted(set(numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 50)))) == list(range(1, 51))


def test_a_second_bridge_on_the_same_spool_says_so(brokers, programs, tmp_path, bridge):
    bridge.start()
    second = programs.run("bridge", "-t", bridge.topic, "--spool", bridge.spool)
    assert second.process.returncode == 1
    assert re.search(rf"{bridge.program.pid}", second.stderr), second.stderr


@pytest.mark.parametrize("arguments, message", [
    ([], "--topic is missing"),
    (["-t", "a/#/b", "--kafka-topic", "x"], "# must be the last level"),
    (["-t", "a/b"], "cannot be the name of a Kafka topic"),
    (["-t", "x", "--delivery", "exactly-once", "-q", "1"], "needs --qos 2"),
    (["-t", "x", "--delivery", "exactly-once", "-V", "3.1.1"], "needs --mqtt-version 5"),
    (["-t", "x", "--spool", ""], "--spool is empty"),
    (["-t", "x", "--delivery", "twice"], "at-least-once, exactly-once"),
])
def test_wrong_use(brokers, programs, tmp_path, arguments, message):
    program = programs.run("bridge", "--spool", tmp_path / "spool", *arguments)
    assert program.process.returncode == 2
    assert message in program.stderr


@pytest.mark.parametrize("property, message", [
    ("no.such.property=1", "No such configuration property"),
    ("enable.idempotence=false", "must be true"),
    ("linger.ms=soon", "linger.ms"),
])
def test_wrong_kafka_properties(brokers, programs, tmp_path, property, message):
    program = programs.run("bridge", "-t", "x", "--spool", tmp_path / "spool", "-X", property)
    assert program.process.returncode == 2
    assert message in program.stderr


def test_events_of_a_life(brokers, mqtt_client, programs, tmp_path):
    """As JSON, each line names its event and has its values. Text from outside breaks no line."""
    bridge = Bridge(programs, tmp_path, "--log-format", "json", "--kafka-topic", "quoted", topic='"a\\b"').start()
    mqtt_client.published(mqtt_client.publish(bridge.topic, b"x" * 2_000_000))
    wait_in_log(bridge.program, '"dead_letter"')
    brokers.mqtt.restart()
    wait_until(lambda: bridge.program.stderr.count('"mqtt_subscribed"') == 2, 30, lambda: bridge.program.stderr)
    bridge.program.stop()
    events = {line["event"]: line for line in lines_of(bridge.program)}
    broker = f"mqtt://127.0.0.1:{brokers.mqtt.port}"
    assert {"started", "mqtt_connected", "mqtt_subscribed", "mqtt_disconnected", "kafka_topic_created", "dead_letter", "stopped"} <= set(events)
    assert events["mqtt_disconnected"]["broker"] == events["mqtt_connected"]["broker"] == broker
    assert events["mqtt_disconnected"]["retry_ms"] > 0 and events["mqtt_connected"]["session"] == "present"
    assert [events["dead_letter"][name] for name in ("id", "topic", "bytes")] == [1, bridge.topic, 2_000_000]
    assert events["dead_letter"]["reason"] in events["dead_letter"]["message"]
    ended = events["stopped"]
    assert [ended[name] for name in ("received", "delivered", "spooled", "dead_letters", "spool")] == [1, 0, 0, 1, str(bridge.spool)]
