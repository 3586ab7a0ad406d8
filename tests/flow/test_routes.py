"""One bridge, many topics: routes from MQTT topics to Kafka topics."""

import json
import re
import uuid

import pytest
from bridges import numbers
from brokers import MQTT_BROKER
from clients import MqttClient, read_topic, topic_partitions, wait_for_messages
from mosquitto import Mosquitto
from programs import BIN
from scrape import address_of, request, status
from waiting import wait_until

MODES = ("at-least-once", "exactly-once")
FAILPOINTS = BIN.parent / "tests" / "flow" / "bridge-failpoints"


class Routed:
    """bridge with routes, started again and again on one spool. `root` begins all its MQTT and Kafka topics."""

    def __init__(self, programs, folder, brokers, *options):
        self.programs, self.kafka, self.options = programs, brokers.kafka.address, options
        self.root = f"r{uuid.uuid4().hex[:8]}"
        self.spool = folder / "spool"
        self.program = None

    def start(self, *routes, subscribed=True, options=(), failpoint=""):
        """Each route, and what is an option, with R in place of the root. failpoint: where it kills itself."""
        arguments = [word.replace("R", self.root) for route in routes for word in ("--route", route)]
        options = [option.replace("R", self.root) for option in options]
        self.program = self.programs.start(FAILPOINTS if failpoint else "bridge", *arguments, "--spool", self.spool, *self.options, *options,
                                           env={"ROOMSTREAM_FAILPOINT": failpoint})
        if subscribed:
            self.program.wait_for_log("subscribed to")
        return self

    def stop(self):
        assert self.program.stop(60) == 0, self.program.stderr[-3000:]
        match = self.program.wait_for_log(r"stopped: received (\d+) = delivered (\d+) \+ spooled (\d+) \+ dead letters (\d+)")
        return tuple(map(int, match.groups()))

    def read(self, topic, count):
        """The messages of a Kafka topic once there are that many."""
        return wait_for_messages(self.kafka, topic.replace("R", self.root), count)

    def letters(self, count):
        """The reasons of the dead letters, once there are that many."""
        def reasons():
            listed = self.programs.run("dead-letters", "export", "--spool", self.spool).stdout.splitlines()
            return [json.loads(line)["reason"] for line in listed] if len(listed) >= count else None

        return wait_until(reasons, 20, f"{count} dead letters")


def read_existing(bridge, topic):
    """The messages of a Kafka topic; none where it is not there."""
    topic = topic.replace("R", bridge.root)
    return read_topic(bridge.kafka, topic) if topic_partitions(bridge.kafka, topic) else []


@pytest.fixture
def publish(mqtt_client):
    """Publishes a payload to several topics and waits until the broker has all."""
    def publish_all(root, *messages, qos=2):
        infos = [mqtt_client.publish(topic.replace("R", root), payload, qos, **({"user_properties": [("key", key[0])]} if key else {}))
                 for topic, payload, *key in messages]
        for info in infos:
            mqtt_client.published(info)

    return publish_all


@pytest.mark.parametrize("mode", MODES)
def test_each_message_goes_to_its_topic(brokers, programs, tmp_path, publish, mode):
    bridge = Routed(programs, tmp_path, brokers, "--delivery", mode, "--kafka-key", "json:/id")
    bridge.start("R/{room}/{sensor}=R.{sensor},{room}", "R/raw/#=R.raw.{rest},topic", "R=R.json")
    publish(bridge.root, ("R/kitchen/temp", "1"), ("R/cellar/temp", "2"), ("R/kitchen/light", "3"), ("R/raw/x/y", "4"),
            ("R", '{"id":"seven"}'), ("R", "no JSON"))
    assert {(m.key(), m.value()) for m in bridge.read("R.temp", 2)} == {(b"kitchen", b"1"), (b"cellar", b"2")}
    assert [(m.key(), m.value()) for m in bridge.read("R.light", 1)] == [(b"kitchen", b"3")]
    assert [m.key().decode() for m in bridge.read("R.raw.x.y", 1)] == [f"{bridge.root}/raw/x/y"]
    assert {m.key().decode() for m in bridge.read("R.json", 2)} == {"seven", bridge.root}
    bridge.program.wait_for_log("finds no text and no number in a message of")
    assert bridge.stop() == (6, 6, 0, 0)


@pytest.mark.parametrize("mode", MODES)
def test_overlapping_routes_deliver_once(brokers, programs, tmp_path, publish, mode):
    """A message that several filters match goes to the first route, once, whatever the broker sends."""
    bridge = Routed(programs, tmp_path, brokers, "--delivery", mode, "--http", "0")
    bridge.start("R/kitchen/temp=R.both", "R/kitchen/#=R.kitchen", "R/+/temp=R.temp", "R/cellar/temp/#=R.cellar", "+/+/light=R.light")
    publish(bridge.root, *[(f"R/{room}/{sensor}", f"{number}") for number in range(100)
                           for room in ("kitchen", "cellar") for sensor in ("temp", "light")])
    for topic in ("R.both", "R.kitchen", "R.temp", "R.light"):
        bridge.read(topic, 100)
    page = request(address_of(bridge), "/metrics").text
    assert f'route_messages_delivered_total{{route="{bridge.root}/+/temp={bridge.root}.temp"}} 100' in page
    copies = int(re.search(r"roomstream_bridge_copies_dropped_total (\d+)", page).group(1))
    assert copies == (300 if MQTT_BROKER == "mosquitto" else 0)  # a copy for each filter, or one with all identifiers
    assert status(address_of(bridge))["routes"] == {"count": 5, "copies_dropped": copies, "kafka_topics": 4, "kafka_topics_max": 1000}
    assert bridge.stop() == (400, 400, 0, 0)
    for topic in ("R.both", "R.kitchen", "R.temp", "R.light"):
        assert numbers(read_topic(bridge.kafka, topic.replace("R", bridge.root))) == list(range(100))


@pytest.mark.skipif(MQTT_BROKER != "mosquitto", reason="what Mosquitto does")
def test_overlapping_routes_over_a_restart_of_mosquitto(brokers, programs, tmp_path):
    """Until the bridge is back, Mosquitto 2.0 queues one copy alone, for the filter that it finds first."""
    with Mosquitto(tmp_path / "mosquitto", "persistence true", f"persistence_location {tmp_path}/") as mosquitto:
        bridge = Routed(programs, tmp_path, brokers, "-h", "127.0.0.1", "-p", mosquitto.port, "--delivery", "exactly-once")
        routes = "+/b=R.one", "R/+=R.two", "+/c/#=R.three", "R/+/d=R.four"
        bridge.start(*routes).stop()
        mosquitto.restart()
        with MqttClient(mosquitto.port) as client:
            for number in range(40):
                topic = f"{bridge.root}/{('a', 'b', 'c', 'c/d')[number % 4]}"
                client.published(client.publish(topic, str(number), 2))
        bridge.start(*routes)
        for topic, letters in (("R.one", (1,)), ("R.two", (0, 2)), ("R.three", (3,))):
            assert numbers(bridge.read(topic, 10 * len(letters))) == [number for number in range(40) if number % 4 in letters]
        assert bridge.stop() == (40, 40, 0, 0)


def test_trace_context(brokers, programs, tmp_path, mqtt_client):
    """User properties of the W3C's trace context are headers in Kafka, by the same names."""
    bridge = Routed(programs, tmp_path, brokers).start("R/{x}=R")
    trace = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("tracestate", "rojo=00f067aa0ba902b7")]
    mqtt_client.published(mqtt_client.publish(f"{bridge.root}/a", b"1", user_properties=trace))
    headers = bridge.read("R", 1)[0].headers()
    assert [(name, value.decode()) for name, value in headers if name.startswith("trace")] == trace
    bridge.stop()


def test_mqtt_3_1_1(brokers, programs, tmp_path, mqtt_client, publish):
    """Without identifiers a broker may send what one filter covers once; what overlaps otherwise is refused."""
    bridge = Routed(programs, tmp_path, brokers, "--mqtt-version", "3.1.1")
    bridge.start("R/a/b=R.one", "R/a/+=R.two", "R/#=R.three")
    publish(bridge.root, ("R/a/b", "1"), ("R/a/c", "2"), ("R/d", "3"), qos=1)
    for number, topic in enumerate(("R.one", "R.two", "R.three"), 1):
        assert numbers(bridge.read(topic, 1)) == [number]
    assert bridge.stop() == (3, 3, 0, 0)
    bridge.start("R/a/+=R.one", "R/+/b=R.two", subscribed=False)
    assert bridge.program.wait() == 2
    assert "--mqtt-version 5" in bridge.program.stderr


@pytest.mark.parametrize("mode", MODES)
def test_routes_change_while_the_spool_is_full(brokers, programs, tmp_path, publish, mode):
    """What is spooled goes by the routes of now, and what none of them takes is a dead letter, to be retried."""
    bridge = Routed(programs, tmp_path, brokers, "--delivery", mode)
    bridge.start("R/{room}/temp=R.{room}", "R/old=R.old", "R/older=R.old")
    publish(bridge.root, ("R/a/temp", "0"))
    bridge.read("R.a", 1)
    brokers.kafka.stop()
    try:
        publish(bridge.root, *[("R/a/temp", f"{number}") for number in range(1, 51)], ("R/old", "51"))
        wait_until(lambda: len(list(bridge.spool.glob("*.seg"))) > 0, 10, "a segment")
        bridge.program.kill()
    finally:
        brokers.kafka.start()
    bridge.start("R/{room}/temp=R.new.{room}")
    assert numbers(bridge.read("R.new.a", 50)) == list(range(1, 51))
    assert bridge.letters(1) == ["no route matches its MQTT topic"]
    assert f"unsubscribed from '{bridge.root}/old', '{bridge.root}/older'" in bridge.program.stderr
    publish(bridge.root, ("R/old", "52"), ("R/older", "52"), ("R/a/temp", "53"))
    bridge.read("R.new.a", 51)
    assert bridge.stop() == (53, 52, 0, 1)
    assert programs.run("dead-letters", "retry", "--spool", bridge.spool).process.returncode == 0
    bridge.start("R/{room}/temp=R.new.{room}", "R/old=R.old")
    assert numbers(bridge.read("R.old", 1)) == [51]
    bridge.stop()
    assert "unsubscribed" not in bridge.program.stderr


@pytest.mark.parametrize("mode", MODES)
def test_names_and_limits(brokers, programs, tmp_path, publish, mode):
    """Names that Kafka forbids are escaped, so that none meets another; beyond --topic-max there are dead letters."""
    bridge = Routed(programs, tmp_path, brokers, "--delivery", mode)
    bridge.start("R/{x}/{y}=R.{x}.{y}", "R/{x}={x}", options=("--topic-max", "4"))
    publish(bridge.root, ("R/a.b/c", "1"), ("R/a/b.c", "2"), ("R/a b/c", "3"), ("R/a_b/c", "4"), ("R/a/d", "5"), ("R/a/b.c", "6"),
            ("R/__consumer_offsets", "7"), ("R/..", "8"))
    assert numbers(bridge.read("R.a_x2Eb.c", 1)) == [1]
    assert numbers(bridge.read("R.a.b.c", 2)) == [2, 6]
    assert numbers(bridge.read("R.a_x20b.c", 1)) == [3]
    reasons = bridge.letters(4)
    assert [word for reason in reasons for word in ("collides", "--topic-max", "__consumer_offsets", "'..'") if word in reason] == [
        "collides", "--topic-max", "__consumer_offsets", "'..'"], reasons
    bridge.stop()
    # The limit holds over a restart.
    bridge.start("R/{x}/{y}=R.{x}.{y}", options=("--topic-max", "4"))
    publish(bridge.root, ("R/e/f", "9"), ("R/a/b.c", "10"))
    assert numbers(bridge.read("R.a.b.c", 3)) == [2, 6, 10]
    assert "--topic-max" in bridge.letters(5)[4]
    bridge.stop()


def test_another_bridge_of_the_same_messages_is_noticed(brokers, programs, tmp_path):
    first = Routed(programs, tmp_path / "first", brokers).start("R/a/temp=R.light", "R/{room}/temp=R.of.{room}")
    for number, (topic, expected) in enumerate((("R.of", None), ("R.light", "R.light' too: each message is there twice"),
                                                ("R.of.a", "R.of.{room}' too: each message that 'R/a/temp' matches as well may be there twice"))):
        other = programs.start("bridge", "-t", f"{first.root}/a/temp", "--kafka-topic", topic.replace("R", first.root),
                               "--spool", tmp_path / f"{number}")
        other.wait_for_log("subscribed to")
        other.stop(30)
        assert (expected.replace("R", first.root) in other.stderr) if expected else ("another bridge" not in other.stderr), other.stderr
        programs.run("bridge", "-t", "x", "--forget", "--spool", tmp_path / f"{number}")
    first.stop()


def test_the_position_moves_with_the_spool(brokers, programs, tmp_path, publish):
    """Exactly once, from one topic to routes and back. A bridge that dies behind a commit has not written its own position: the next
    one must find Kafka's, under whatever topic it stands."""
    bridge = Routed(programs, tmp_path, brokers, "--delivery", "exactly-once")
    plain = ("-t", "R/+", "--kafka-topic", "R.old")
    moves = "from now on it is kept under '{}'"

    def publish_some(first):
        publish(bridge.root, *[(f"R/{number % 5}", f"{number}") for number in range(first, first + 50)])

    def dies(first, *routes, options=()):
        bridge.start(*routes, options=options, failpoint="after-commit")
        publish_some(first)
        assert bridge.program.wait(30) == -9
        return bridge.program.stderr

    assert "stands under" not in dies(1, options=plain)
    log = dies(51, "R/{x}=R.new.{x}")
    assert f"stands under the topic '{bridge.root}.old' in Kafka; {moves.format('roomstream.positions')}" in log
    assert "stands under" not in dies(101, "R/{x}=R.{x}.newer")
    bridge.start(options=plain)
    publish_some(151)
    wait_until(lambda: status(address_of(bridge))["messages"]["delivered"] == 200, 30, "all are delivered")
    assert moves.format(f"{bridge.root}.old") in bridge.program.stderr
    assert bridge.stop() == (200, 200, 0, 0)
    topics = ["R.old"], [f"R.new.{x}" for x in range(5)], [f"R.{x}.newer" for x in range(5)]
    found = [[number for topic in each for number in numbers(read_existing(bridge, topic))] for each in topics]
    assert all(found) and sorted(sum(found, [])) == list(range(1, 201)), found
