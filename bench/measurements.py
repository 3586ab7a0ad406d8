"""The measurements. Each takes the stage and the settings, runs one round of the limit and of ours, one after the other under the same
conditions, and returns {name of a figure: value}."""

import json
import time

SIZE = 110


def _rate(result):
    return result["messages"] / result["seconds"]


def warm_up(stage, settings):
    """Kafka's virtual machine compiles what it runs often: in its first drains it takes three times the CPU of later ones."""
    for _ in range(3):
        _drain_bridge(stage, "at-least-once", 1, settings.messages)
        stage.end_programs()


# ---- the limits of the parts ----

def limits(stage, settings):
    """The limits of librdkafka into the same Kafka, and of the file system's append."""
    figures = {}
    for kind in ("idempotent", "transactional"):
        topic = stage.new_topic(kafka=True)
        figures[f"kafka limit, {kind}, msg/s"] = _rate(stage.run("bench-kafka-limit", stage.kafka, topic, kind, settings.messages, SIZE))
        stage.delete_topic(topic)
    path = stage.folder / "appended"
    figures["file append limit, records/s"] = _rate(stage.run("bench-file-limit", path, settings.messages, SIZE + 60))
    path.unlink()
    return figures


# ---- drain ----

def _drain_noop(stage, qos, count, receive_maximum, program="bench-mqtt-noop"):
    topic, client = stage.new_topic(), f"noop-{time.monotonic_ns()}"
    arguments = (program, *stage.mqtt, client, topic, qos, receive_maximum)
    stage.run(*arguments, 0)
    stage.load(topic, qos, count)
    return stage.run(*arguments, count)


def _start_bare_bridge(stage, topic, count):
    """Starts a bridge without a promise, from an MQTT topic to the Kafka topic of its name."""
    return stage.start("bench-bare-bridge", *stage.mqtt, f"bare-{topic}", topic, stage.kafka, count)


def _drain_bare(stage, count):
    topic = stage.new_topic(kafka=True)
    stage.run("bench-mqtt-noop", *stage.mqtt, f"bare-{topic}", topic, 1, 1000, 0)
    stage.load(topic, 1, count)
    cost = _start_bare_bridge(stage, topic, count).wait()
    first, last = stage.span(topic, count)
    stage.delete_topic(topic)
    return count / (last - first), cost.cpu


def _drain_bridge(stage, delivery, qos, count, *options, **load):
    topic = stage.new_topic(kafka=True)
    if load.get("topics", 1) > 1:
        options += ("-t", f"{topic}/#")
    stage.make_session(topic, *options, delivery=delivery)
    stage.load(topic, qos, count, **load)
    bridge = stage.bridge(topic, *options, delivery=delivery)
    stage.wait_for_records([topic], count)
    memory, cost = bridge.peak_memory(), bridge.stop()
    first, last = stage.span(topic, count)
    stage.delete_topic(topic)
    stage.drop_spool(topic)
    return last - first, cost, memory


def drain(stage, settings):
    """A backlog in a persistent session: from the first to the last message in Kafka."""
    figures, count = {}, settings.messages
    for delivery, qos, receive_maximum in (("at-least-once", 1, 1000), ("exactly-once", 2, settings.receive_maximum)):
        noop = _drain_noop(stage, qos, count, receive_maximum)
        linked = _drain_noop(stage, qos, count, receive_maximum, "bench-mqtt-noop-linked-in")
        seconds, cost, memory = _drain_bridge(stage, delivery, qos, count, "--receive-maximum", receive_maximum)
        name = f"drain, {delivery}"
        figures |= {
            f"{name}: Paho no-op at QoS {qos}, msg/s": _rate(noop),
            f"{name}: no-op with Paho linked in, msg/s": _rate(linked),
            f"{name}: bridge, msg/s": count / seconds,
            f"{name}: ratio": count / seconds / _rate(noop),
            f"{name}: ratio to the one with Paho linked in": count / seconds / _rate(linked),
            f"{name}: no-op, CPU s per million": noop["cpu"] / count * 1e6,
            f"{name}: no-op with Paho linked in, CPU s per million": linked["cpu"] / count * 1e6,
            f"{name}: bridge, CPU s per million": cost.cpu / count * 1e6,
            f"{name}: CPU ratio": cost.cpu / noop["cpu"],
            f"{name}: bridge, peak MB": memory / 1e6,
        }
    rate, cpu = _drain_bare(stage, count)
    return figures | {
        "drain: bridge without a promise at QoS 1, msg/s": rate,
        "drain: bridge without a promise, CPU s per million": cpu / count * 1e6,
    }


def growth(stage, settings):
    """How the cost of a drain at QoS 1 grows with messages, sizes, topics and bridges."""
    figures, few = {}, settings.messages // 4
    for name, count, load in (
        (f"{few:,} messages", few, {}),
        (f"{2 * settings.messages:,} messages", 2 * settings.messages, {}),
        (f"{few:,} of 1,000 bytes", few, {"size": 1000}),
        (f"{few:,} of 10,000 bytes", few, {"size": 10000}),
        (f"{few:,} in 1,000 topics", few, {"topics": 1000}),
    ):
        seconds, cost, memory = _drain_bridge(stage, "at-least-once", 1, count, **load)
        figures[f"growth, {name}: msg/s"] = count / seconds
        figures[f"growth, {name}: CPU s per million"] = cost.cpu / count * 1e6
        figures[f"growth, {name}: peak MB"] = memory / 1e6
    for bridges in (1, 2, 4):
        figures[f"growth, {bridges} bridges at once: sum, msg/s"], _ = _drain_together(stage, bridges, settings.messages // bridges)
    return figures


def _drain_together(stage, bridges, count):
    """Messages a second of several bridges with a backlog each, and the first one's time by the last one's."""
    topics = [stage.new_topic(kafka=True) for _ in range(bridges)]
    for topic in topics:
        stage.make_session(topic, delivery="at-least-once")
        stage.load(topic, 1, count)
    programs = [stage.bridge(topic) for topic in topics]
    stage.wait_for_records(topics, count)
    for program in programs:
        program.stop()
    spans = [stage.span(topic, count) for topic in topics]
    for topic in topics:
        stage.delete_topic(topic)
        stage.drop_spool(topic)
    begin = min(first for first, _ in spans)
    times = [last - begin for _, last in spans]
    return bridges * count / max(times), min(times) / max(times)


def six(stage, settings):
    """Six bridges with a backlog each, at once."""
    rate, fairness = _drain_together(stage, 6, settings.messages // 6)
    return {"six bridges, sum, msg/s": rate, "six bridges, first to end / last to end": fairness}


# ---- live ----

def live(stage, settings):
    """Publisher, broker, bridge and Kafka at once, as fast as the publisher goes at QoS 1."""
    count = settings.messages
    topic = stage.new_topic()
    noop = stage.start("bench-mqtt-noop", *stage.mqtt, f"noop-{time.monotonic_ns()}", topic, 1, 1000, count)
    noop.wait_for("subscribed")
    stage.load(topic, 1, count)
    noop.wait()
    limit = _rate(json.loads(noop.output))
    topic = stage.new_topic(kafka=True)
    bridge = stage.bridge(topic)
    bridge.wait_for("subscribed to")
    stage.load(topic, 1, count)
    stage.wait_for_records([topic], count)
    bridge.stop()
    first, last = stage.span(topic, count)
    stage.delete_topic(topic)
    stage.drop_spool(topic)
    rate = count / (last - first)
    return {"live, QoS 1: no-op, msg/s": limit, "live, QoS 1: bridge, msg/s": rate, "live, QoS 1: ratio": rate / limit}


def _latency(stage, topic, rate, count):
    """The result of bench-kafka-latency; a bridge carries the topic to Kafka already."""
    consumer = stage.start("bench-kafka-latency", stage.kafka, topic, count)
    consumer.wait_for("ready")
    stage.load(topic, 1, count, rate)
    consumer.wait()
    return json.loads(consumer.output)


def latency(stage, settings):
    """From the MQTT publish to the Kafka consumer; beside the same way through a bridge that keeps no promise."""
    figures = {}
    for rate, count in ((20, 200), (1000, 5000), (10000, 30000)):
        topic = stage.new_topic(kafka=True)
        bare = _start_bare_bridge(stage, topic, count)
        bare.wait_for("subscribed")
        limit = _latency(stage, topic, rate, count)
        bare.wait()
        stage.delete_topic(topic)
        topic = stage.new_topic(kafka=True)
        bridge = stage.bridge(topic)
        bridge.wait_for("subscribed to")
        result = _latency(stage, topic, rate, count)
        bridge.stop()
        stage.delete_topic(topic)
        stage.drop_spool(topic)
        for part in ("p50", "p99", "max"):
            figures[f"latency at {rate} msg/s, {part}: without a promise, ms"] = limit[part]
            figures[f"latency at {rate} msg/s, {part}: bridge, ms"] = result[part]
        figures[f"latency at {rate} msg/s, p50: ratio"] = result["p50"] / limit["p50"]
    return figures


def idle(stage, settings):
    """What a bridge without messages costs."""
    topic = stage.new_topic(kafka=True)
    bridge = stage.bridge(topic)
    bridge.wait_for("subscribed to")
    time.sleep(2)
    before, begin = bridge.cpu_now(), time.monotonic()
    time.sleep(settings.idle_seconds)
    share = (bridge.cpu_now() - before) / (time.monotonic() - begin)
    bridge.stop()
    stage.delete_topic(topic)
    stage.drop_spool(topic)
    return {"idle bridge, % of a core": 100 * share}


# ---- start and outage ----

def start(stage, settings):
    """From exec to subscribed and to the first delivery."""
    topic = stage.new_topic(kafka=True)
    stage.make_session(topic, delivery="at-least-once")
    stage.load(topic, 1, 1)
    bridge = stage.bridge(topic)
    bridge.wait_for("subscribed to")
    subscribed = time.monotonic() - bridge.started
    while stage.records(topic) < 1:
        time.sleep(0.002)
    delivered = time.monotonic() - bridge.started
    bridge.stop()
    stage.delete_topic(topic)
    stage.drop_spool(topic)
    return {"start: exec to subscribed, ms": 1000 * subscribed, "start: exec to first delivery, ms": 1000 * delivered}


def outage(stage, settings):
    """Kafka is away while messages come: how fast the spool empties afterwards, and what memory it takes."""
    count = settings.outage_messages
    topic = stage.new_topic(kafka=True)
    stage.brokers.kafka.freeze()
    try:
        bridge = stage.bridge(topic)
        bridge.wait_for("subscribed to")
        stage.load(topic, 1, count)
    finally:
        stage.brokers.kafka.thaw()
    stage.wait_for_records([topic], count)
    memory = bridge.peak_memory()
    bridge.stop()
    first, last = stage.span(topic, count)
    stage.delete_topic(topic)
    stage.drop_spool(topic)
    return {
        "catching up after an outage, msg/s": count / (last - first),
        "catching up after an outage, peak MB": memory / 1e6,
    }


# Ratios of figures from different measurements of one round: name of the ratio to the two figures' names.
RATIOS = {
    "six bridges, sum: ratio to one no-op": ("six bridges, sum, msg/s", "drain, at-least-once: Paho no-op at QoS 1, msg/s"),
    "catching up after an outage: ratio to the Kafka limit": ("catching up after an outage, msg/s", "kafka limit, idempotent, msg/s"),
}
