"""What a bridge delivers to may vanish: the topic, its partitions, the whole cluster. It makes the topic again and goes on."""

import pytest
from bridges import Bridge, numbers, publish_numbers
from brokers import Brokers
from clients import MqttClient, create_topic, delete_topic, read_topic, topic_partitions, wait_for_messages
from waiting import wait_until

MODES = {"at-least-once": 1, "exactly-once": 2}  # and the QoS

# librdkafka notices that a topic has vanished when it refreshes its metadata, after five minutes by default, and believes it
# of a topic that it has known for a while.
QUICK = ("-X", "topic.metadata.refresh.interval.ms=500", "-X", "topic.metadata.propagation.max.ms=1")


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


def bridge_in(mode, programs, folder, *options, **names):
    return Bridge(programs, folder, "--delivery", mode, *options, **names)


def test_the_topic_vanishes_while_the_bridge_is_idle(brokers, mqtt_client, programs, tmp_path, mode):
    kafka, qos = brokers.kafka.address, MODES[mode]
    bridge = bridge_in(mode, programs, tmp_path, *QUICK, "-X", "debug=topic", "--log-level", "debug").start()
    for first in (1, 11):
        publish_numbers(mqtt_client, bridge.topic, first, first + 9, qos)
        assert numbers(wait_for_messages(kafka, bridge.topic, 10)) == list(range(first, first + 10))
        said = len(bridge.program.stderr)
        delete_topic(kafka, bridge.topic)
        wait_until(lambda: "-> notexists" in bridge.program.stderr[said:], 30, "the bridge's client has noticed it")
    publish_numbers(mqtt_client, bridge.topic, 21, 30, qos)
    assert numbers(wait_for_messages(kafka, bridge.topic, 10)) == list(range(21, 31))
    assert bridge.stop() == {"received": 30, "delivered": 30, "spooled": 0, "dead": 0}


@pytest.mark.parametrize("made_again_with", [None, 1])
def test_the_topic_vanishes_under_load(brokers, mqtt_client, programs, tmp_path, mode, made_again_with):
    """The bridge creates it again, or another program has done so, with fewer partitions."""
    kafka, qos, number = brokers.kafka.address, MODES[mode], 0
    bridge = bridge_in(mode, programs, tmp_path, "--partitions", "3", "--kafka-key", "none").start()
    wait_until(lambda: topic_partitions(kafka, bridge.topic), 20, "the topic is there")

    def publish(count):
        nonlocal number
        first, number = number + 1, number + count
        return [mqtt_client.publish(bridge.topic, str(n).encode(), qos) for n in range(first, number + 1)]

    for _ in range(3):
        publish(500)
        wait_for_messages(kafka, bridge.topic, 100)
        publish(500)
        delete_topic(kafka, bridge.topic) if made_again_with is None else make_again(kafka, bridge.topic, made_again_with)
        for info in publish(500):
            mqtt_client.published(info, 60)
    wait_until(lambda: number in numbers(read_topic(kafka, bridge.topic)), 60, lambda: bridge.program.stderr[-3000:])
    wanted = {"received": number, "delivered": number, "spooled": 0, "dead": 0}
    assert bridge.stop() == wanted
    found = numbers(read_topic(kafka, bridge.topic))
    assert set(found) >= set(range(number - 499, number + 1)) and len(found) == len(set(found))


def make_again(kafka, topic, partitions):
    delete_topic(kafka, topic)
    try:
        create_topic(kafka, topic, partitions)
    except Exception as error:  # the bridge was quicker
        assert "TOPIC_ALREADY_EXISTS" in str(error)


def test_kafka_is_another_cluster(tmp_path, programs):
    """Its data is gone, and with it topics, transactional ids, positions and producer ids. The spool goes to the new one."""
    with Brokers(tmp_path / "own") as brokers, MqttClient(brokers.mqtt.port) as client:
        kafka = brokers.kafka
        bridges = [bridge_in(mode, programs, tmp_path, topic=mode).start(env=brokers.env) for mode in MODES]

        def publish(first, last):
            for bridge in bridges:
                publish_numbers(client, bridge.topic, first, last, MODES[bridge.topic])

        publish(1, 100)
        for bridge in bridges:
            wait_for_messages(kafka.address, bridge.topic, 100)
        for first in (101, 301):
            kafka.stop()
            publish(first, first + 99)
            kafka.wipe()
            kafka.start()
            publish(first + 100, first + 199)
            wanted = list(range(first, first + 200))
            for bridge in bridges:
                wait_until(lambda: set(wanted) <= set(numbers(read_topic(kafka.address, bridge.topic))), 60, "all are in Kafka")
                bridge.program.wait_for_log("another cluster than before")
                found = numbers(read_topic(kafka.address, bridge.topic))
                # At least once, the old producer may have delivered to the new cluster too, until the bridge noticed that it is new.
                assert (sorted(set(found)) if bridge.topic == "at-least-once" else found) == wanted
        for bridge in bridges:
            assert bridge.stop() == {"received": 500, "delivered": 500, "spooled": 0, "dead": 0}
