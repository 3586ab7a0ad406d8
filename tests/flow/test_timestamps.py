"""No message is lost because Kafka refuses its timestamp."""

import time

import pytest
from bridges import Bridge, numbers, publish_numbers, wait_in_log
from clients import wait_for_messages
from fake_clock import FakeClock
from waiting import wait_until

MODES = {"at-least-once": 1, "exactly-once": 2}  # and the QoS


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


def arrivals(messages):
    """The header mqtt.arrival of each, in seconds; None where there is none."""
    return [int(dict(message.headers())["mqtt.arrival"]) / 1000 if "mqtt.arrival" in dict(message.headers()) else None
            for message in messages]


def timestamps(messages):
    """Their timestamps in seconds; None where there is none."""
    return [value / 1000 if value >= 0 else None for value in (message.timestamp()[1] for message in messages)]


def test_an_outage_longer_than_kafka_takes_timestamps(brokers, mqtt_client, programs, tmp_path, mode):
    kafka, qos, begin = brokers.kafka.address, MODES[mode], time.time() - 0.001  # Kafka has milliseconds
    bridge = Bridge(programs, tmp_path, "--delivery", mode, "--topic-config", "message.timestamp.before.max.ms=3000").start()
    brokers.kafka.freeze()
    try:
        publish_numbers(mqtt_client, bridge.topic, 1, 300, qos)
        wait_until(lambda: time.time() > begin + 5, 10, "they are too old")
    finally:
        brokers.kafka.thaw()
    messages = wait_for_messages(kafka, bridge.topic, 300)
    assert sorted(numbers(messages)) == list(range(1, 301))
    times = list(zip(arrivals(messages), timestamps(messages), strict=True))
    assert all(begin <= arrival <= sent <= time.time() for arrival, sent in times)
    assert times[0][1] - times[0][0] > 3
    assert "message.timestamp.before.max.ms" in wait_in_log(bridge.program, "Kafka refuses the time at which.*").group()
    assert bridge.stop() == {"received": 300, "delivered": 300, "spooled": 0, "dead": 0}


@pytest.mark.parametrize("hours", [2, -2])
def test_a_wrong_clock(brokers, mqtt_client, programs, tmp_path, mode, hours):
    """Kafka accepts neither the arrival nor the present time: records are sent without one, until the clock is set right."""
    kafka, qos, shift = brokers.kafka.address, MODES[mode], hours * 3600
    clock = FakeClock(tmp_path / "clock")
    clock.set(shift)
    limits = [f"--topic-config=message.timestamp.{side}.max.ms=3600000" for side in ("before", "after")]
    bridge = Bridge(programs, tmp_path, "--delivery", mode, *limits)
    bridge.start(env={**clock.env, "LD_PRELOAD": clock.preload, "ASAN_OPTIONS": "verify_asan_link_order=0"})
    begin = time.time() + shift - 0.001  # Kafka has milliseconds
    publish_numbers(mqtt_client, bridge.topic, 1, 100, qos)
    messages = wait_for_messages(kafka, bridge.topic, 100)
    assert numbers(messages) == list(range(1, 101))
    assert timestamps(messages) == [None] * 100
    assert all(begin <= arrival <= time.time() + shift for arrival in arrivals(messages))
    wait_in_log(bridge.program, "Correct the clock of this machine")
    clock.set(0)
    publish_numbers(mqtt_client, bridge.topic, 101, 110, qos)
    assert numbers(wait_for_messages(kafka, bridge.topic, 110)) == list(range(1, 111))
    assert bridge.stop() == {"received": 110, "delivered": 110, "spooled": 0, "dead": 0}
