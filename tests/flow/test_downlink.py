"""downlink on a real Kafka and a real MQTT broker, watched by other people's clients."""

import json
import os
import time

import pytest
from clients import MqttClient, create_topic, end_offset
from downlinks import adds_up, commit, committed, metrics, send, start_downlink, status, unique, user_properties, wait_for_commit
from mosquitto import Mosquitto
from waiting import wait_until


def numbers(messages):
    return [int(message.payload) for message in messages]


def test_sends_value_key_headers_and_place(brokers, programs, mqtt_client):
    topic = unique("sends")
    create_topic(brokers.kafka.address, topic)
    mqtt_client.subscribe(f"{topic}/#")
    headers = [("content-type", b"text/plain"), ("mqtt.response-topic", b"answers"), ("mqtt.correlation-data", b"\0\xff"), ("colour", b"red"),
               ("binary", b"\xff"), ("mqtt.qos", b"1")]
    send(brokers.kafka.address, topic, [
        {"key": b"7", "value": b'{"device": {"id": 12}}', "headers": headers, "timestamp": 1700000000123},
        {"key": b"8", "value": b'{"device": {"id": "x"}}'}])
    downlink = start_downlink(programs, topic, "--to", topic + "/{key}/{json:/device/id}", "--qos", "2")
    first, second = mqtt_client.wait_for(2)
    assert (first.topic, first.payload, first.qos) == (f"{topic}/7/12", b'{"device": {"id": 12}}', 1)
    assert second.topic == f"{topic}/8/x"
    assert first.properties.ContentType == "text/plain"
    assert (first.properties.ResponseTopic, first.properties.CorrelationData) == ("answers", b"\0\xff")
    assert user_properties(first) == [("key", "7"), ("colour", "red"), ("kafka.topic", topic), ("kafka.partition", "0"), ("kafka.offset", "0"),
                                      ("kafka.timestamp", "1700000000123")]
    downlink.wait_for_log("1 of its key and headers are not text")
    wait_for_commit(brokers.kafka.address, topic, 2)
    wait_until(lambda: metrics(downlink)["messages_sent_total"] == 2, 10, "two are sent")
    wait_until(lambda: status(downlink)["messages"]["lag"] == 0, 10, "nothing is behind")
    shown = status(downlink)
    assert shown["ready"] and shown["messages"] == {"consumed": 2, "sent": 2, "dead": 0, "skipped": 0, "returned": 0, "in_flight": 0, "lag": 0.0}
    assert metrics(downlink)["headers_left_out_total"] == 1
    assert downlink.stop() == 0
    assert "stopped: consumed 2 = sent 2 + dead 0 + skipped 0 + returned 0 + in flight 0" in downlink.stderr


def test_what_cannot_be_sent_goes_to_the_dead_letters(brokers, programs, mqtt_client, tmp_path):
    topic = unique("dead")
    create_topic(brokers.kafka.address, topic)
    mqtt_client.subscribe(f"{topic}/#")
    bad = [b"", b"a+", b"#", b"a//b", b"\xff", b"a\0b", b"x" * 65_536]
    send(brokers.kafka.address, topic, [{"value": b"no key"}, *({"key": key, "value": b"bad"} for key in bad), {"key": b"good", "value": b"good"}])
    options = ("--to", topic + "/{key}", "--spool", tmp_path / "spool")
    downlink = start_downlink(programs, topic, *options)
    assert [message.payload for message in mqtt_client.wait_for(1)] == [b"good"]
    wait_for_commit(brokers.kafka.address, topic, 9)
    wait_until(lambda: metrics(downlink)["messages_dead_total"] == 8, 10, "eight are dead")
    assert adds_up(metrics(downlink))
    assert downlink.stop() == 0

    of = ("--spool", tmp_path / "spool")
    listed = programs.run("dead-letters", "list", *of).stdout.decode().splitlines()
    reasons = [line.split("\t")[4] for line in listed]
    for reason, part in zip(reasons, ["has no {key}", "{key} is empty", "wildcards", "wildcards", "empty level", "not valid UTF-8", "a NUL",
                                      "longer than 65535"]):
        assert part in reason
    assert {line.split("\t")[3] for line in listed} == {topic}
    exported = [json.loads(line) for line in programs.run("dead-letters", "export", *of).stdout.splitlines()]
    assert exported[0]["payload"] == "no key" and {"name": "kafka.offset", "value": "0"} in exported[0]["headers"]

    # Retried letters are sent first, by the present options; what still cannot be sent is a dead letter again.
    assert b"8 put back" in programs.run("dead-letters", "retry", *of).stdout
    downlink = start_downlink(programs, topic, "--to", topic + "/{topic}", "--spool", tmp_path / "spool")
    assert len(mqtt_client.wait_for(9)) == 9
    wait_until(lambda: metrics(downlink)["messages_retried_total"] == 8, 10, "eight are sent after all")
    assert downlink.stop() == 0
    assert programs.run("dead-letters", "list", *of).stdout == b""


@pytest.mark.long
def test_waits_for_the_mqtt_broker_and_stays_in_the_group(brokers, programs):
    topic = unique("away")
    create_topic(brokers.kafka.address, topic)
    brokers.mqtt.stop()
    downlink = start_downlink(programs, topic, "--to", topic)
    downlink.wait_for_log("cannot connect to the MQTT broker")
    send(brokers.kafka.address, topic, ({"value": str(number)} for number in range(100)))
    assert status(downlink)["kafka"]["state"] == "waiting for MQTT"
    brokers.mqtt.start()
    with MqttClient(brokers.mqtt.port) as client:
        client.subscribe(topic)
        client.wait_for(1)
        wait_for_commit(brokers.kafka.address, topic, 100)
        before = set(numbers(client.messages))
    brokers.mqtt.stop()
    wait_until(lambda: not status(downlink)["ready"], 10, "it sees that the broker is away")
    send(brokers.kafka.address, topic, ({"value": str(number)} for number in range(100, 3000)))
    time.sleep(7)  # longer than the session timeout of the group
    assert downlink.stderr.count("partitions given up") == 0
    assert metrics(downlink)["messages_in_flight"] <= 500 and adds_up(metrics(downlink))
    brokers.mqtt.start()
    with MqttClient(brokers.mqtt.port) as client:
        client.subscribe(topic)
        wait_for_commit(brokers.kafka.address, topic, 3000)
    assert before
    assert downlink.stop() == 0


def test_a_kill_loses_nothing_and_doubles_at_most_the_window(brokers, programs, mqtt_client):
    topic, kills, window, total = unique("kill"), 4, 50, 6000
    create_topic(brokers.kafka.address, topic, 2)
    mqtt_client.subscribe(topic)
    send(brokers.kafka.address, topic, ({"value": str(number), "partition": number % 2} for number in range(total)))
    options = ("--to", topic, "--window", window, "--spool", programs.folder / "spool", "-X", "group.instance.id=one")
    for kill in range(kills):
        downlink = start_downlink(programs, topic, *options)
        wait_until(lambda: len(mqtt_client.messages) >= (kill + 1) * 1000, 30, "some are there")
        downlink.kill()
    downlink = start_downlink(programs, topic, *options)
    for partition in (0, 1):
        wait_for_commit(brokers.kafka.address, topic, total // 2, partition)
    wait_until(lambda: set(numbers(mqtt_client.messages)) == set(range(total)), 30, "all are there")
    got = numbers(mqtt_client.messages)
    assert len(got) - total <= kills * window
    for partition in (0, 1):
        firsts = list(dict.fromkeys(number for number in got if number % 2 == partition))
        assert firsts == sorted(firsts)
    assert downlink.stop() == 0


@pytest.mark.long
def test_a_lost_session_is_read_again_in_order(brokers, programs, mqtt_client):
    """The broker is killed and forgets the session."""
    topic = unique("session")
    create_topic(brokers.kafka.address, topic)
    downlink = start_downlink(programs, topic, "--to", topic)
    downlink.wait_for_log("partitions assigned")
    send(brokers.kafka.address, topic, ({"value": str(number)} for number in range(6000)))
    wait_until(lambda: metrics(downlink)["messages_sent_total"] > 100, 30, "some are sent")
    brokers.mqtt.kill()
    brokers.mqtt.start()
    wait_for_commit(brokers.kafka.address, topic, 6000, limit=60)
    found = metrics(downlink)
    assert adds_up(found) and found["messages_sent_total"] <= 6000 + 500
    assert downlink.stop() == 0


@pytest.mark.long
def test_another_takes_its_instance_id(brokers, programs, mqtt_client):
    """Kafka fences it, as a Kafka that was killed does with one that is alone. It joins again; two with one id do not end each other."""
    topic = unique("fenced")
    create_topic(brokers.kafka.address, topic)
    mqtt_client.subscribe(topic)
    options = ("--to", topic, "-X", "group.instance.id=one")
    first = start_downlink(programs, topic, *options, "--id", "first")
    first.wait_for_log("partitions assigned")
    second = start_downlink(programs, topic, *options, "--id", "second")
    for fenced in (first, second):
        fenced.wait_for_log("group.instance.id to another member")
    second.kill()
    send(brokers.kafka.address, topic, ({"value": str(number)} for number in range(10)))
    wait_for_commit(brokers.kafka.address, topic, 10, limit=90)
    assert set(numbers(mqtt_client.messages)) == set(range(10)) and adds_up(metrics(first))
    assert first.stop() == 0


@pytest.mark.long
def test_two_share_the_partitions(brokers, programs, mqtt_client):
    topic, total = unique("share"), 4000
    create_topic(brokers.kafka.address, topic, 4)
    mqtt_client.subscribe(topic)
    one = start_downlink(programs, topic, "--to", topic, "--id", "one")
    send(brokers.kafka.address, topic, ({"value": str(number), "partition": number % 4} for number in range(total)))
    mqtt_client.wait_for(500)
    two = start_downlink(programs, topic, "--to", topic, "--id", "two")
    two.wait_for_log("partitions assigned: [12]")
    assert one.stop() == 0
    for partition in range(4):
        wait_for_commit(brokers.kafka.address, topic, total // 4, partition)
    wait_until(lambda: set(numbers(mqtt_client.messages)) == set(range(total)), 30, "all are there")
    assert two.stop() == 0


def test_what_brokers_call_malformed_is_not_sent(brokers, programs, mqtt_client, tmp_path):
    """Control characters and noncharacters: Mosquitto ends the connection at them."""
    topic = unique("malformed")
    create_topic(brokers.kafka.address, topic)
    mqtt_client.subscribe(f"{topic}/#")
    bad = ["\x01", "a\tb", "\x7f", "\x85", "\ufdd0", "\uffff", "\U0001fffe"]
    headers = [(name, value) for text in bad for name, value in (("value", text.encode()), (text, b"name"))]
    send(brokers.kafka.address, topic, [*({"key": text, "value": "0"} for text in bad),
                                        {"key": "\ufffd\U0001f600", "value": "1", "headers": [*headers, ("good", "\xa0".encode())]}])
    downlink = start_downlink(programs, topic, "--to", topic + "/{key}", "--spool", tmp_path / "spool")
    wait_for_commit(brokers.kafka.address, topic, 8)
    assert user_properties(mqtt_client.wait_for(1)[0])[:2] == [("key", "\ufffd\U0001f600"), ("good", "\xa0")]
    wait_until(lambda: metrics(downlink)["messages_sent_total"] == 1, 10, "the last one is sent")
    found = metrics(downlink)
    assert (found["messages_dead_total"], found["headers_left_out_total"], found["mqtt_connects_total"]) == (7, 14, 1)
    assert downlink.stop() == 0
    assert programs.run("dead-letters", "list", "--spool", tmp_path / "spool").stdout.count(b"control characters") == 7


@pytest.mark.long
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_message_at_which_the_broker_ends_the_connection(brokers, programs, mqtt_client, tmp_path, version):
    """Mosquitto does at a topic of more than 200 levels, also when it is one of several in flight, of two partitions."""
    topic = unique("ends")
    create_topic(brokers.kafka.address, topic, partitions=2)
    mqtt_client.subscribe(f"{topic}/#")
    deep = "/".join("x" * 250)
    send(brokers.kafka.address, topic, ({"key": deep if number == 50 else "k", "value": str(number), "partition": number % 2} for number in range(100)))
    options = ("--to", topic + "/{key}", "--spool", tmp_path / "spool", "-V", version)
    downlink = start_downlink(programs, topic, *options)
    for partition in (0, 1):
        wait_for_commit(brokers.kafka.address, topic, 50, partition, limit=300)
    got = list(dict.fromkeys(numbers(mqtt_client.messages)))
    for partition in (0, 1):
        assert [number for number in got if number % 2 == partition] == [number for number in range(partition, 100, 2) if number != 50]
    wait_until(lambda: metrics(downlink)["messages_dead_total"] == 1, 10, "one is dead")
    assert adds_up(metrics(downlink))
    assert downlink.stop() == 0
    assert b"ends the connection each time" in programs.run("dead-letters", "list", "--spool", tmp_path / "spool").stdout


def test_mqtt_311_and_retained(brokers, programs):
    topic = unique("plain")
    create_topic(brokers.kafka.address, topic)
    send(brokers.kafka.address, topic, [{"key": b"a", "value": b"1"}, {"key": b"b", "value": b"2"}, {"key": b"a", "value": None}])
    downlink = start_downlink(programs, topic, "--to", topic + "/{key}", "--retain", "-V", "3.1.1")
    wait_for_commit(brokers.kafka.address, topic, 3)
    with MqttClient(brokers.mqtt.port) as client:
        client.subscribe(f"{topic}/+")
        client.wait_for(1)
        assert [(message.topic, message.payload) for message in client.messages] == [(f"{topic}/b", b"2")]
    assert downlink.stop() == 0


def test_begins_at_the_end_where_it_is_told_so(brokers, programs, mqtt_client):
    topic = unique("end")
    create_topic(brokers.kafka.address, topic)
    mqtt_client.subscribe(topic)
    send(brokers.kafka.address, topic, [{"value": "1"}])
    options = ("--to", topic, "-o", "end", "-X", "group.instance.id=one")
    downlink = start_downlink(programs, topic, *options)
    wait_until(lambda: committed(brokers.kafka.address, f"g-{topic}", topic) == 1, 30, "the end is the position")
    downlink.kill()
    send(brokers.kafka.address, topic, [{"value": "2"}])
    start_downlink(programs, topic, *options)
    assert numbers(mqtt_client.wait_for(1)) == [2]


def test_a_recreated_topic_is_sent_from_its_beginning(brokers, programs, mqtt_client):
    """Also what comes while downlink is away, up to the position that the group had before."""
    topic = unique("recreated")
    create_topic(brokers.kafka.address, topic)
    mqtt_client.subscribe(topic)
    commit(brokers.kafka.address, f"g-{topic}", topic, 50)
    options = ("--to", topic, "-X", "group.instance.id=one")
    downlink = start_downlink(programs, topic, *options)
    downlink.wait_for_log("ends before the position 50")
    wait_for_commit(brokers.kafka.address, topic, 0)
    downlink.kill()
    send(brokers.kafka.address, topic, ({"value": str(number)} for number in range(60)))
    start_downlink(programs, topic, *options)
    wait_for_commit(brokers.kafka.address, topic, 60)
    assert numbers(mqtt_client.messages) == list(range(60))


def grow_nothing(brokers, programs, client, seconds, options=(), carried=0):
    """Runs a bridge and downlink on the same topics for some time; returns the number of messages on each side. carried: those that the
    bridge brings in again."""
    topic = unique("circle")
    create_topic(brokers.kafka.address, topic)
    client.subscribe(topic)
    bridge = programs.start("bridge", "-t", topic, "--kafka-topic", topic, "--spool", programs.folder / "bridge", *options)
    bridge.wait_for_log("subscribed to")
    downlink = start_downlink(programs, topic, "--to", topic, "--spool", programs.folder / "downlink")
    send(brokers.kafka.address, topic, ({"value": str(number)} for number in range(100)))
    for number in range(100, 200):
        info = client.publish(topic, str(number))
    client.published(info)
    wait_for_commit(brokers.kafka.address, topic, 200 + carried)
    end, seen = time.monotonic() + seconds, []
    while time.monotonic() < end:
        time.sleep(1)
        seen.append((end_offset(brokers.kafka.address, topic), len(client.messages)))
    assert set(seen) == {(200 + carried, 200)}
    found = metrics(downlink)
    assert (found["messages_sent_total"], found["messages_skipped_total"]) == (100, 100 + carried) and adds_up(found)
    assert bridge.stop() == 0 and downlink.stop() == 0


def test_nothing_goes_round_in_circles(brokers, programs, mqtt_client):
    grow_nothing(brokers, programs, mqtt_client, int(os.environ.get("ROOMSTREAM_CIRCLE_SECONDS", "3")))


@pytest.mark.long
def test_what_is_carried_back_comes_once(brokers, programs, mqtt_client):
    grow_nothing(brokers, programs, mqtt_client, 3, ("--from-downlink", "carry"), 100)


def test_carried_is_sent_where_it_is_asked_for(brokers, programs, mqtt_client):
    topic = unique("carried")
    create_topic(brokers.kafka.address, topic)
    mqtt_client.subscribe(topic)
    send(brokers.kafka.address, topic, [{"value": "1", "headers": [("mqtt.topic", b"somewhere")]}])
    start_downlink(programs, topic, "--to", topic, "--carried")
    assert user_properties(mqtt_client.wait_for(1)[0])[0] == ("kafka.topic", topic)


def test_refusals(brokers, programs, tmp_path):
    """Messages beyond the Maximum Packet Size, or against the broker's access control."""
    topic = unique("refused")
    create_topic(brokers.kafka.address, topic)
    (tmp_path / "acl").write_text(f"topic readwrite {topic}/open\n")
    with Mosquitto(tmp_path / "mosquitto", "max_packet_size 2000", f"acl_file {tmp_path / 'acl'}") as broker, MqttClient(broker.port) as client:
        client.subscribe(f"{topic}/open")
        downlink = start_downlink(programs, topic, "--to", topic + "/{key}", "-p", broker.port, "--spool", tmp_path / "spool")
        send(brokers.kafka.address, topic, [{"key": "open", "value": "1"}, {"key": "shut", "value": "2"}, {"key": "open", "value": "3" * 3000},
                                            {"key": "open", "value": "4"}])
        wait_for_commit(brokers.kafka.address, topic, 4)
        wait_until(lambda: numbers(client.messages) == [1, 4], 10, "those that may be sent are there")
        wait_until(lambda: metrics(downlink)["dead_letters"] == 2, 10, "two are dead letters")
        assert downlink.stop() == 0
    listed = programs.run("dead-letters", "list", "--spool", tmp_path / "spool").stdout.decode()
    assert "0x87 Not authorized" in listed and "3000 bytes, it is larger than the MQTT broker takes" in listed
