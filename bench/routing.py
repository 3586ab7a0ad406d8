"""Routes: many Kafka topics by one bridge beside one, and many routes."""

import json
import re
import signal
import time
import urllib.request

from confluent_kafka.admin import NewTopic

TOPICS, ROUTES = 1000, 10_000


def _delivered(bridge):
    """How many messages Kafka has of the bridge, as it says itself."""
    address = re.search(r"http://\S+?(?=/|\s|$)", bridge.errors)[0]
    with urllib.request.urlopen(f"{address}/status", timeout=30) as page:
        return json.load(page)["messages"]["delivered"]


def _wait_for(bridge, count, limit=300):
    end = time.monotonic() + limit
    while _delivered(bridge) < count:
        assert time.monotonic() < end, f"not all are delivered within {limit} s: {bridge.errors[-1000:]}"
        time.sleep(0.02)


def _carry(stage, delivery, qos, count, receive_maximum, many):
    """A backlog of TOPICS MQTT topics, to as many Kafka topics or to one. The bridge has found them before: a message for each was
    carried; while the backlog is published it stands still. Returns messages a second, its cost, its memory, and the seconds of
    those first messages."""
    root = stage.new_topic()
    names = [f"{root}.{number}" for number in range(TOPICS)] if many else [root]
    for created in stage.admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        created.result(120)
    what = ("--route", f"{root}/{{n}}={root}.{{n}}") if many else ("-t", f"{root}/+", "--kafka-topic", root)
    bridge = stage.start("bridge", "-h", stage.mqtt[0], "-p", stage.mqtt[1], "-b", stage.kafka, *what, "--spool", stage.folder / root,
                         "--delivery", delivery, "--receive-maximum", receive_maximum, "--http", "0")
    bridge.wait_for("subscribed to")
    begin = time.monotonic()
    stage.load(root, qos, TOPICS, topics=TOPICS)
    _wait_for(bridge, TOPICS)
    found = time.monotonic() - begin
    cpu = bridge.cpu_now()
    bridge.process.send_signal(signal.SIGSTOP)
    stage.load(root, qos, count, topics=TOPICS)
    begin = time.monotonic()
    bridge.process.send_signal(signal.SIGCONT)
    _wait_for(bridge, TOPICS + count)
    seconds, cpu, memory = time.monotonic() - begin, bridge.cpu_now() - cpu, bridge.peak_memory()
    bridge.stop()
    assert sum(stage.records(name) for name in names) >= TOPICS + count
    for deleted in stage.admin.delete_topics(names).values():
        deleted.result(120)
    return count / seconds, cpu, memory, found


def routes(stage, settings):
    """Many topics beside one, both ways of delivery."""
    figures = {}
    for delivery, qos, count, receive_maximum in (("at-least-once", 1, settings.messages, 1000),
                                                  ("exactly-once", 2, settings.messages // 8, settings.receive_maximum)):
        rates = []
        for many, what in ((False, "one Kafka topic"), (True, f"{TOPICS:,} Kafka topics")):
            rate, cpu, memory, found = _carry(stage, delivery, qos, count, receive_maximum, many)
            rates.append(rate)
            figures |= {
                f"routes, {delivery}, {what}: msg/s": rate,
                f"routes, {delivery}, {what}: CPU s per million": cpu / count * 1e6,
                f"routes, {delivery}, {what}: peak MB": memory / 1e6,
                f"routes, {delivery}, {what}: first message of each topic, s": found,
            }
        figures[f"routes, {delivery}: ratio"] = rates[1] / rates[0]
    return figures | _many_routes(stage)


def _many_routes(stage):
    """So many routes: parsed, found, subscribed to and given up again at Mosquitto."""
    result = stage.run("bench-route-match", ROUTES, 1_000_000)
    figures = {f"routes, {ROUTES:,}: parsed, s": result["parsed"], f"routes, {ROUTES:,}: route and name of a message, ns": result["found_ns"]}
    root, seconds = stage.new_topic(), []
    for number, said in ((ROUTES, "subscribed to"), (1, "unsubscribed from")):
        config = stage.folder / f"{root}.conf"
        config.write_text("[route]\n" + "".join(f"{root}/{n}/+ = {root}\n" for n in range(number)))
        bridge = stage.start("bridge", "--config", config, "-h", stage.mqtt[0], "-p", stage.mqtt[1], "-b", stage.kafka,
                             "--spool", stage.folder / root, "--http", "")
        bridge.wait_for(said)
        seconds.append(time.monotonic() - bridge.started)
        bridge.stop()
    return figures | {
        f"routes, {ROUTES:,}: exec to subscribed, s": seconds[0],
        f"routes, {ROUTES:,}: exec to all but one given up, s": seconds[1],
    }
