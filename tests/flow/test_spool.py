"""The spool of a real bridge: read by a reader that is made from its document alone, and damaged."""

import re

import pytest
from bridges import Bridge, publish_numbers
from clients import MqttClient
from spool_reader import MESSAGE, Spool
from waiting import wait_until

NO_KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}


@pytest.fixture
def mqtt_env(mqtt):
    return {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(mqtt.port), **NO_KAFKA}


@pytest.fixture
def spooling(mqtt, mqtt_env, programs, tmp_path):
    """A bridge whose spool holds the numbers 1 to 200, in several segments; it has been killed."""
    def begin(*options):  # waits until it holds them all
        bridge = Bridge(programs, tmp_path, "--segment-size", "4K", "--drain-timeout", "0s", *options).start(env=mqtt_env)
        with MqttClient(mqtt.port) as client:
            publish_numbers(client, bridge.topic, 1, 200, qos=2)
        wait_until(lambda: len(payloads(Spool(bridge.spool))) == 200, 30, "all is in the spool")
        return bridge
    return begin


def payloads(spool):
    return [int(payload) for _, payload in sorted(spool.waiting().items())]


def snapshot(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_the_document_is_enough_to_read_a_spool(spooling, mqtt_env, delivery):
    bridge = spooling("--delivery", delivery)
    assert bridge.stop()["spooled"] == 200
    spool = Spool(bridge.spool)
    assert spool.faults() == [] and spool.position.clean
    assert payloads(spool) == list(range(1, 201))
    messages = [record for record in spool.records().values() if record.kind == MESSAGE]
    assert all(record.topic == bridge.topic.encode() for record in messages)
    assert any(record.packet_id for record in messages) == (delivery == "exactly-once")
    assert len(spool.segments()) > 2


def flipped(bridge):
    path = sorted(bridge.spool.glob("*.seg"))[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def without_position(bridge):
    flipped(bridge)
    (bridge.spool / "position").unlink()


def without_segments(bridge):
    for path in bridge.spool.glob("*.seg"):
        path.unlink()


@pytest.mark.parametrize("damage", [flipped, without_position, without_segments])
def test_a_refused_start_changes_nothing(spooling, mqtt_env, damage):
    bridge = spooling()
    bridge.kill()
    true = {path: path.read_bytes() for path in bridge.spool.iterdir()}
    damage(bridge)
    damaged = snapshot(bridge.spool)
    for _ in range(3):
        bridge.start(subscribed=False, env=mqtt_env)
        assert bridge.program.wait(20) == 1
        assert re.search(r"error: .*" + re.escape(str(bridge.spool)) + ".*--spool-repair", bridge.program.stderr)
        assert "warning" not in bridge.program.stderr
        assert snapshot(bridge.spool) == damaged
    for path, data in true.items():
        path.write_bytes(data)
    bridge.start(env=mqtt_env)
    assert bridge.stop()["spooled"] == 200
    assert payloads(Spool(bridge.spool)) == list(range(1, 201))
