"""The bridge that one writes first (script_bridge.py), beside ours: its rate, and what kills lose and double."""

import json
import random
import sys
import time
from pathlib import Path

from clients import read_topic

SCRIPT = Path(__file__).with_name("script_bridge.py")
KILLS, RATE = 20, 2000


def _start_script(stage, topic):
    program = stage.start(sys.executable, SCRIPT, *stage.mqtt, f"script-{topic}", topic, stage.kafka)
    program.wait_for("subscribed")
    return program


def _start_bridge(stage, topic):
    program = stage.bridge(topic)
    program.wait_for("subscribed to")
    return program


def _drain(stage, count):
    topic = stage.new_topic(kafka=True)
    _start_script(stage, topic).end()
    stage.load(topic, 1, count)
    script = _start_script(stage, topic)
    stage.wait_for_records([topic], count)
    cpu = script.cpu_now()
    script.end()
    first, last = stage.span(topic, count)
    stage.delete_topic(topic)
    return count / (last - first), cpu


def _wait_until_quiet(stage, topic):
    """Waits until no record has come for five seconds."""
    records, since = -1, time.monotonic()
    while time.monotonic() - since < 5:
        now = stage.records(topic)
        if now != records:
            records, since = now, time.monotonic()
        time.sleep(0.1)


def _kill(stage, start, count):
    """Messages lost and doubled, with kills while they come."""
    topic, chance = stage.new_topic(kafka=True), random.Random(1)
    program = start(stage, topic)
    load = stage.start("bench-mqtt-load-linked-in", *stage.mqtt, topic, 1, 500, count, RATE, 110, "-", 1)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 0.8))  # the instant of a kill is random
        program.end()
        program = start(stage, topic)
    load.wait()
    _wait_until_quiet(stage, topic)
    program.end()
    numbers = [json.loads(record.value())["seq"] for record in read_topic(stage.kafka, topic)]
    stage.delete_topic(topic)
    stage.drop_spool(topic)
    return count - len(set(numbers)), len(numbers) - len(set(numbers))


def script(stage, settings):
    rate, cpu = _drain(stage, settings.messages)
    figures = {"script: drain, msg/s": rate, "script: CPU s per million": cpu / settings.messages * 1e6}
    for name, start in (("script", _start_script), ("bridge", _start_bridge)):
        lost, doubled = _kill(stage, start, 20 * RATE)
        figures |= {f"{name}: lost of {20 * RATE:,} with {KILLS} kills": lost, f"{name}: doubled": doubled}
    return figures
