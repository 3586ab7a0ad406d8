"""The bridge exactly once: killed at any instant, nothing is lost and nothing doubled."""

import signal
import socket

import pytest
from bridges import Bridge, numbers, publish_numbers
from brokers import Brokers
from clients import MqttClient, read_topic, wait_for_messages
from waiting import wait_until


@pytest.fixture
def bridge(programs, tmp_path):
    return Bridge(programs, tmp_path, "--delivery", "exactly-once")


def test_carries_in_order(brokers, mqtt_client, bridge):
    bridge.start()
    publish_numbers(mqtt_client, bridge.topic, 1, 500, qos=2)
    assert numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 500)) == list(range(1, 501))
    assert bridge.stop() == {"received": 500, "delivered": 500, "spooled": 0, "dead": 0}


def test_sigkill_loses_and_doubles_nothing(brokers, mqtt_client, bridge):
    kills, total = 8, 8000
    bridge.start()
    infos = []
    for number in range(1, total + 1):
        infos.append(mqtt_client.publish(bridge.topic, str(number).encode(), qos=2))
        if number % (total // (kills + 1)) == 0 and bridge.starts <= kills:
            bridge.kill()
            bridge.start()
    for info in infos:
        mqtt_client.published(info, 90)
    wait_until(lambda: len(read_topic(brokers.kafka.address, bridge.topic)) >= total, 60, "all messages in Kafka")
    assert numbers(read_topic(brokers.kafka.address, bridge.topic)) == list(range(1, total + 1))
    assert bridge.stop()["spooled"] == 0


def test_a_message_for_the_dead_letters_takes_no_other_with_it(brokers, mqtt_client, programs, tmp_path):
    bridge = Bridge(programs, tmp_path, "--delivery", "exactly-once", "-X", "message.max.bytes=3000000").start()
    infos = []
    for number in range(1, 21):
        infos.append(mqtt_client.publish(bridge.topic, str(number).encode(), qos=2))
        if number in (7, 8):
            infos.append(mqtt_client.publish(bridge.topic, b"x" * 1_500_000, qos=2))
    for info in infos:
        mqtt_client.published(info)
    assert numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 20)) == list(range(1, 21))
    wait_until(lambda: len(bridge.letters("list").stdout.splitlines()) == 2, 20, "two dead letters")
    assert bridge.stop() == {"received": 22, "delivered": 20, "spooled": 0, "dead": 2}


def test_what_came_at_a_lower_qos_holds_no_packet_id(brokers, mqtt_client, bridge):
    """At QoS 1 a packet id is used again at once. If it counted as held, a later QoS 2 message would be lost."""
    bridge.start()
    publish_numbers(mqtt_client, bridge.topic, 1, 700, qos=1)
    wait_for_messages(brokers.kafka.address, bridge.topic, 700)
    assert "Receive Maximum" not in bridge.program.stderr
    bridge.kill()
    bridge.start()
    publish_numbers(mqtt_client, bridge.topic, 701, 1500, qos=2)
    messages = wait_for_messages(brokers.kafka.address, bridge.topic, 1500)
    assert sorted(set(numbers(messages))) == list(range(1, 1501))


@pytest.mark.long
def test_ids_held_do_not_outlive_a_change_of_mode(brokers, mqtt_client, programs, tmp_path):
    """A bridge at least once stores no releases, so it must forget the ids that it finds held."""
    bridge = Bridge(programs, tmp_path, "--delivery", "exactly-once").start()
    infos = [mqtt_client.publish(bridge.topic, str(number).encode(), 2) for number in range(1, 501)]
    bridge.kill()  # with ids held, as a rule
    bridge.options = ("-q", "2")
    bridge.start()
    for info in infos:
        mqtt_client.published(info, 60)
    bridge.stop()
    bridge.options = ("--delivery", "exactly-once")
    bridge.start()
    publish_numbers(mqtt_client, bridge.topic, 501, 2000, qos=2)
    wait_until(lambda: set(numbers(read_topic(brokers.kafka.address, bridge.topic))) == set(range(1, 2001)), 60, "all in Kafka")


@pytest.mark.long
def test_kafka_killed_and_broker_restarted(tmp_path, programs):
    with Brokers(tmp_path / "own") as brokers:
        bridge = Bridge(programs, tmp_path, "--delivery", "exactly-once").start(env=brokers.env)
        for turn in range(3):
            first = 300 * turn + 1
            with MqttClient(brokers.mqtt.port) as client:
                publish_numbers(client, bridge.topic, first, first + 99, qos=2)
                brokers.kafka.kill()
                publish_numbers(client, bridge.topic, first + 100, first + 199, qos=2)
            brokers.mqtt.restart()
            with MqttClient(brokers.mqtt.port) as client:
                publish_numbers(client, bridge.topic, first + 200, first + 299, qos=2)
            brokers.kafka.start()
        assert numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 900, 90)) == list(range(1, 901))
        assert bridge.stop() == {"received": 900, "delivered": 900, "spooled": 0, "dead": 0}


@pytest.mark.long
def test_a_broker_that_floods_is_remembered(brokers, mqtt_client, bridge):
    """Mosquitto 2.0.11 exceeds the Receive Maximum when a backlog waits; later versions do not, and then nothing is remembered."""
    bridge.start()
    bridge.program.send(signal.SIGSTOP)
    infos = [mqtt_client.publish(bridge.topic, str(number).encode(), 2) for number in range(1, 1501)]
    for info in infos:
        mqtt_client.published(info, 60)
    bridge.program.send(signal.SIGCONT)
    assert numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 1500)) == list(range(1, 1501))
    bridge.stop()
    flooded = "reconnecting with 1" in bridge.program.stderr
    mark = bridge.spool / "broker-floods"
    assert mark.exists() == flooded
    mark.touch()
    bridge.start()
    assert "beginning with 1" in bridge.program.stderr
    publish_numbers(mqtt_client, bridge.topic, 1501, 1600, qos=2)
    assert numbers(wait_for_messages(brokers.kafka.address, bridge.topic, 1600)) == list(range(1, 1601))


@pytest.mark.long
def test_of_two_bridges_with_one_id_one_exits(brokers, mqtt_client, programs, tmp_path):
    """Kafka fences each in favour of the other, until one gives up and says why."""
    twins = [
        Bridge(programs, tmp_path, "--delivery", "exactly-once", "--id", "twin", "--kafka-topic", "twins", topic=topic).start()
        for topic in ("twin/1", "twin/2")
    ]

    def one_has_exited():
        mqtt_client.publish("twin/1", b"x", 2)
        mqtt_client.publish("twin/2", b"x", 2)
        return [twin for twin in twins if not twin.program.is_running()]

    ended = wait_until(one_has_exited, 90, lambda: "one ends; " + twins[0].program.stderr[-1500:])[0]
    assert ended.program.wait() == 1
    assert "another bridge uses the id 'twin'" in ended.program.stderr


def test_refuses_a_broker_that_grants_less(brokers, tmp_path, programs):
    """A Mosquitto limited to QoS 1, on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    conf = tmp_path / "limited.conf"
    conf.write_text(f"listener {port} 127.0.0.1\nmax_qos 1\nallow_anonymous true\nuser root\n")
    programs.start("/usr/sbin/mosquitto", "-c", conf)
    bridge = programs.start("bridge", "-p", port, "-t", "x", "--spool", tmp_path / "spool", "--delivery", "exactly-once")
    assert bridge.wait(30) == 1
    assert "the broker grants QoS 1 at most where QoS 2 is needed" in bridge.stderr
