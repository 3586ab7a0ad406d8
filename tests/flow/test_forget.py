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


def started(bridge, **options):
    """Returns when the bridge has looked for others."""
    bridge.start(subscribed=False, **options).program.wait_for_log("started: received")
    return bridge


def forget(bridge, *options):
    return bridge.programs.run("bridge", "-t", bridge.topic, "--spool", bridge.spool, "--forget", *options)


def said(program):
    return program.stdout.decode() + program.stderr


def test_another_that_carries_the_same_is_warned_of_until_it_is_forgotten(brokers, programs, tmp_path, bridge):
    second = started(Bridge(programs, tmp_path, topic=bridge.topic, label="second"))
    assert f"another bridge runs that carries '{bridge.topic}' to the Kafka topic '{bridge.topic}' too: each message is there" in second.program.stderr
    assert second.program.stderr.count("another bridge") == 1
    assert f"--forget --spool {bridge.spool}" in second.program.stderr
    second.stop()
    bridge.stop()
    started(second)
    assert "another bridge is stopped, but the MQTT broker keeps its session" in second.program.stderr
    second.stop()
    assert forget(bridge).process.returncode == 0
    started(second)
    assert "another bridge" not in second.program.stderr
    second.stop()
    other = started(Bridge(programs, tmp_path, "--kafka-topic", "elsewhere", topic=bridge.topic, label="other"))
    assert "another bridge" not in other.program.stderr


@pytest.mark.parametrize("one, other, filter_of_the_other", [
    (["{t}/+"], ["{t}/b"], "{t}/+"), (["{t}/#"], ["{t}"], "{t}/#"), (["{t}/+/c"], ["{t}/b/#"], "{t}/+/c"),
    (["{t}/a"], ["{t}/b"], None), (["{t}/+"], ["{t}/b/c"], None),
    (["{t}/+", "--share", "g"], ["{t}/b"], "$share/g/{t}/+"), (["{t}/+", "--share", "g"], ["{t}/b", "--share", "g"], "$share/g/{t}/+"),
    (["{t}/b", "--share", "g"], ["{t}/b", "--share", "h"], "$share/g/{t}/b"), (["{t}/b", "--share", "g"], ["{t}/b", "--share", "g"], None),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_filters_that_overlap_are_noticed(brokers, programs, tmp_path, one, other, filter_of_the_other):
    name = f"t{tmp_path.name[-12:]}"
    bridges = [Bridge(programs, tmp_path, *options, "--kafka-topic", name, topic=topic.format(t=name), label=label)
               for label, (topic, *options) in (("first", one), ("second", other))]
    for bridge in bridges:
        started(bridge)
    assert "another bridge" not in bridges[0].program.stderr
    log = bridges[1].program.stderr
    if filter_of_the_other:
        filters = filter_of_the_other.format(t=name), f"{f'$share/{other[2]}/' if other[1:] else ''}{other[0].format(t=name)}"
        assert "another bridge runs that carries '{}' to the Kafka topic '{}' too: each message that '{}' matches as well is there twice".format(
            filters[0], name, filters[1]) in log
    else:
        assert "another bridge" not in log


def test_a_bridge_of_another_state_folder_is_noticed_while_it_runs(brokers, programs, tmp_path):
    """Bridges of services are found the same way, by what they announce. A service keeps no list, but reads the announcements."""
    for folder in ("service", "mine", "runtime"):
        (tmp_path / folder).mkdir(mode=0o755)
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path / "runtime")}
    service = {**runtime, "STATE_DIRECTORY": str(tmp_path / "service")}
    first = started(Bridge(programs, tmp_path, label="first"), env=service)
    second = started(Bridge(programs, tmp_path, topic=first.topic, label="second"), env={**runtime, "XDG_STATE_HOME": str(tmp_path / "mine")})
    assert "another bridge runs that carries" in second.program.stderr and f"Its spool is {first.spool}" in second.program.stderr
    third = started(Bridge(programs, tmp_path, topic=first.topic, label="third"), env=service)
    assert third.program.stderr.count("another bridge runs that carries") == 2
    for bridge in (first, second, third):
        bridge.stop()
    assert "another bridge" not in started(Bridge(programs, tmp_path, topic=first.topic, label="last"), env=service).program.stderr


def test_its_session_and_its_spool_go(brokers, programs, tmp_path, mqtt_client, bridge):
    publish_numbers(mqtt_client, bridge.topic, 1, 20)
    wait_for_messages(brokers.kafka.address, bridge.topic, 20)
    assert bridge.stop()["delivered"] == 20
    publish_numbers(mqtt_client, bridge.topic, 21, 30)  # the broker keeps these for its session
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
