"""--dead-letter-topic of bridge and downlink: dead letters announced in Kafka, read by another client."""

import json

import pytest
import scrape
from bridges import Bridge, wait_in_log
from clients import create_topic, read_topic, wait_for_messages
from downlinks import metrics, send, start_downlink, unique
from waiting import wait_until

LARGE = b"x" * 1_200_000  # more than a topic takes by default


def announced(brokers, topic, count):
    """The records, by their keys."""
    found = wait_for_messages(brokers.kafka.address, topic, count)
    assert len(found) == count
    return {record.key().decode(): json.loads(record.value()) for record in found}


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_of_a_bridge(brokers, mqtt_client, programs, tmp_path, delivery):
    topic = unique("letters")
    bridge = Bridge(programs, tmp_path, "--http", "0", "--dead-letter-topic", topic, "--delivery", delivery).start()
    for payload in (b"1", LARGE, b"2"):
        mqtt_client.published(mqtt_client.publish(bridge.topic, payload, 2))
    wait_for_messages(brokers.kafka.address, bridge.topic, 2)
    record = announced(brokers, topic, 1)[bridge.topic]
    wait_until(lambda: scrape.scrape(scrape.address_of(bridge))["dead_letters_announced_total"] == 1, 10, "it is counted")
    assert scrape.status(scrape.address_of(bridge))["dead_letters"] | {"bytes": 0} == {"count": 1, "bytes": 0, "announced": 1, "not_announced": 0}
    identity, _, size, of, reason = bridge.letters("list").stdout.decode().rstrip("\n").split("\t")
    assert (record["from"], record["id"], record["bytes"], record["topic"], record["reason"]) == (f"bridge-{bridge.topic}", int(identity), int(size), of, reason)
    assert (int(size), of) == (len(LARGE), bridge.topic)
    bridge.stop()
    bridge.start()  # what was announced is not announced again
    mqtt_client.published(mqtt_client.publish(bridge.topic, LARGE, 2))
    wait_for_messages(brokers.kafka.address, topic, 2)
    bridge.stop()
    assert len({json.loads(record.value())["id"] for record in read_topic(brokers.kafka.address, topic)}) == 2


def test_what_is_not_taken_stops_nothing_and_is_counted(brokers, mqtt_client, programs, tmp_path):
    topic = unique("letters")
    create_topic(brokers.kafka.address, topic, config={"max.message.bytes": "20"})
    bridge = Bridge(programs, tmp_path, "--http", "0", "--dead-letter-topic", topic).start()
    for payload in (LARGE, b"1", LARGE, b"2"):
        mqtt_client.published(mqtt_client.publish(bridge.topic, payload))
    wait_for_messages(brokers.kafka.address, bridge.topic, 2)
    wait_until(lambda: scrape.scrape(scrape.address_of(bridge))["dead_letters_not_announced_total"] == 2, 20, "both are counted")
    wait_in_log(bridge.program, f"a dead letter is not announced in the Kafka topic '{topic}': ")
    assert scrape.scrape(scrape.address_of(bridge))["dead_letters_announced_total"] == 0
    assert bridge.stop() == {"received": 4, "delivered": 2, "spooled": 0, "dead": 2}
    assert len(bridge.letters("list").stdout.splitlines()) == 2
    assert read_topic(brokers.kafka.address, topic) == []


def test_of_downlink(brokers, programs, mqtt_client, tmp_path):
    topic, letters = unique("dead"), unique("letters")
    create_topic(brokers.kafka.address, topic)
    downlink = start_downlink(programs, topic, "--to", "room/{key}", "--spool", tmp_path / "spool", "--dead-letter-topic", letters)
    send(brokers.kafka.address, topic, [{"key": "+", "value": "12345"}, {"key": "good", "value": "1"}])
    record = announced(brokers, letters, 1)[topic]
    assert (record["from"], record["topic"], record["bytes"]) == ("downlink", topic, 5)
    wait_until(lambda: metrics(downlink)["dead_letters_announced_total"] == 1, 10, "it is counted")
    wait_until(lambda: metrics(downlink)["messages_sent_total"] == 1, 10, "the other one is sent")
    assert str(record["id"]) in programs.run("dead-letters", "list", "--spool", tmp_path / "spool").stdout.decode()
    assert downlink.stop() == 0


@pytest.mark.parametrize("program,topics", [("bridge", ["-t", "same"]), ("downlink", ["-t", "same"])])
def test_the_topic_of_the_messages_is_refused(programs, tmp_path, program, topics):
    refused = programs.start(program, *topics, "--spool", tmp_path / "spool", "--dead-letter-topic", "same")
    assert refused.wait() == 2 and "choose another" in refused.stderr
    assert not (tmp_path / "spool").exists()
