"""Bridges that carry the same twice are noticed, and one is retired with its session and its spool."""

import json

import pytest
from bridges import Bridge, publish_numbers
from clients import wait_for_messages
from scrape import address_of, request
from waiting import wait_until


@pytest.fixture
def bridge(programs, tmp_path):
    return Bridge(programs, tmp_path).start()


def forget(bridge, *options):
    return bridge.programs.run("bridge", "-t", bridge.topic, "--spool", bridge.spool, "--forget", *options)


def said(program):
    return program.stdout.decode() + program.stderr


def test_another_that_carries_the_same_is_warned_of_until_it_is_forgotten(brokers, programs, tmp_path, bridge):
    second = Bridge(programs, tmp_path, topic=bridge.topic, label="second").start()
    assert f"another bridge runs that carries '{bridge.topic}' to the Kafka topic '{bridge.topic}' too" in second.program.stderr
    assert f"--forget --spool {bridge.spool}" in second.program.stderr
    second.stop()
    bridge.stop()
    second.start()
    assert "another bridge is stopped, but the MQTT broker keeps its session" in second.program.stderr
    second.stop()
    assert forget(bridge).process.returncode == 0
    second.start()
    assert "another bridge" not in second.program.stderr
    second.stop()
    other = Bridge(programs, tmp_path, "--kafka-topic", "elsewhere", topic=bridge.topic, label="other").start()
    assert "another bridge" not in other.program.stderr


def test_its_session_and_its_spool_go(brokers, programs, tmp_path, mqtt_client, bridge):
    publish_numbers(mqtt_client, bridge.topic, 1, 20)
    wait_for_messages(brokers.kafka.address, bridge.topic, 20)
    assert bridge.stop()["delivered"] == 20
    publish_numbers(mqtt_client, bridge.topic, 21, 30)  # the broker keeps them for its session
    result = forget(bridge)
    assert result.process.returncode == 0, result.stderr
    assert "ended the session of 'bridge-" in said(result) and "0 messages and 0 dead letters thrown away, 20 delivered" in said(result)
    assert not bridge.spool.exists()
    again = programs.run("bridge", "-t", bridge.topic, "--spool", bridge.spool, "--forget")
    assert again.process.returncode == 1 and "there is no spool at" in again.stderr


def test_the_broker_keeps_nothing_for_a_session_that_was_ended(brokers, programs, tmp_path, mqtt_client):
    bridge = Bridge(programs, tmp_path, "--id", f"forgotten-{tmp_path.name}").start()
    bridge.stop()
    publish_numbers(mqtt_client, bridge.topic, 1, 10)
    assert programs.run("bridge", "-t", bridge.topic, "--spool", bridge.spool, "--id", bridge.options[1], "--forget").process.returncode == 0
    bridge.start()
    publish_numbers(mqtt_client, bridge.topic, 11, 11)
    bridge.program.wait_for_log("subscribed to")
    wait_for_messages(brokers.kafka.address, bridge.topic, 1)
    assert bridge.stop()["received"] == 1


def test_refused_while_it_runs_and_while_it_holds_messages(brokers, programs, tmp_path, mqtt_client, bridge):
    assert forget(bridge).process.returncode == 1 and bridge.spool.exists()
    brokers.kafka.freeze()
    try:
        publish_numbers(mqtt_client, bridge.topic, 1, 5)
        address = address_of(bridge)
        wait_until(lambda: json.loads(request(address, "/status").text)["messages"]["spooled"] == 5, 30, "all are in the spool")
        bridge.program.stop(60)
        refused = forget(bridge)
        assert refused.process.returncode == 1 and "holds 5 messages and 0 dead letters" in refused.stderr
        assert bridge.spool.exists()
        done = forget(bridge, "--discard")
        assert done.process.returncode == 0 and "5 messages and 0 dead letters thrown away" in said(done)
        assert not bridge.spool.exists()
    finally:
        brokers.kafka.thaw()
