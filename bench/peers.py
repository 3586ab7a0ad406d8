"""The measurements of the programs beside the bridge, each beside the one that people use instead, where that is installed
(mosquitto_pub, mosquitto_sub, kcat), and beside the bare library. As those of measurements.py."""

import shutil

import sender
from programs import BIN, ROOT

WINDOW = 100  # the publisher's default
FEW = 30_000  # at QoS 1 and 2, mosquitto_pub -l 2.0.11 loses without a word what exceeds the packet ids: of 100,000 lines 34,470 arrived
COLUMNS = "S1_Temp:1,S2_Temp:2,S3_Temp:3,S4_Temp:4"
SAMPLE = ROOT / "data" / "occupancy-sample.csv"
LINE = '{"time":"2017-12-22T10:49:41","sensor":"temp","node":1,"value":24.94,"unit":"Cel","occupancy":1,"seq":%08d}\n'


def _rate(result):
    return result["messages"] / result["seconds"]


def _beside(name, ours, others):
    """The figures of one comparison: rates, and the ratio of ours to each other."""
    figures = {f"{name}: ours, msg/s": ours}
    for other, rate in others.items():
        figures |= {f"{name}: {other}, msg/s": rate, f"{name}: ratio to {other}": ours / rate}
    return figures


def _lines(stage, count):
    """A file with that many messages, one a line."""
    path = stage.folder / f"lines-{count}"
    if not path.exists():
        with open(path, "w", encoding="ascii") as file:
            file.writelines(LINE % number for number in range(count))
    return path


def publisher(stage, settings):
    """publish --fast beside a bare Paho loop with the same messages and window, and mosquitto_pub."""
    figures, count, (host, port) = {}, settings.messages, stage.mqtt
    for qos in (0, 1, 2):
        topic, others = stage.new_topic(), {}
        for name, program in (("bare Paho loop", "bench-mqtt-load"), ("bare loop with Paho linked in", "bench-mqtt-load-linked-in")):
            others[name] = _rate(stage.load(topic, qos, count, window=WINDOW, key=1, program=program))
        ours = stage.run("publish", "-h", host, "-p", port, "-t", topic, "-q", qos, "--fast", "--quiet", "--file", SAMPLE,
                         "--column", COLUMNS, "--loop", 0, "--limit", count)
        if shutil.which("mosquitto_pub"):
            theirs = stage.run("mosquitto_pub", "-h", host, "-p", port, "-t", topic, "-q", qos, "-l", stdin=_lines(stage, FEW))
            others["mosquitto_pub"] = FEW / theirs["cost"].seconds
        figures |= _beside(f"publisher, QoS {qos}", count / ours["cost"].seconds, others)
    return figures


def subscriber(stage, settings):
    """subscribe beside mosquitto_sub, from a stand-in for a broker that sends as fast as it is read."""
    figures = {}
    for version, theirs in (("5", "5"), ("3.1.1", "311")):
        for qos in (0, 1):
            ours, others = sender.run([BIN / "subscribe", "-V", version], qos, settings.messages, 1000)[0], {}
            if shutil.which("mosquitto_sub"):
                others["mosquitto_sub"] = sender.run(["mosquitto_sub", "-V", theirs], qos, settings.messages, 1000)[0]
            figures |= _beside(f"subscriber, MQTT {version}, QoS {qos}", ours, others)
    return figures


def kafka_clients(stage, settings):
    """kafka-produce and kafka-consume beside kcat, from start to end, with the defaults of each."""
    count = 5 * settings.messages  # the start should not count for much
    produce = {"ours": ("kafka-produce", "--quiet", "-b", stage.kafka, "-t"), "kcat": ("kcat", "-P", "-b", stage.kafka, "-t")}
    consume = {"ours": ("kafka-consume", "-b", stage.kafka, "-e", "-t"), "kcat": ("kcat", "-C", "-q", "-b", stage.kafka, "-e", "-t")}
    names = [name for name in produce if name == "ours" or shutil.which(name)]
    topics = {name: stage.new_topic(kafka=True) for name in names}
    made = {name: count / stage.run(*produce[name], topics[name], stdin=_lines(stage, count))["cost"].seconds for name in names}
    read = {name: count / stage.run(*consume[name], topics["ours"])["cost"].seconds for name in names}
    for name in names:
        assert stage.records(topics[name]) == count, f"{name} produced {stage.records(topics[name])} of {count}"
        stage.delete_topic(topics[name])
    return _beside("kafka-produce", made.pop("ours"), made) | _beside("kafka-consume", read.pop("ours"), read)


def csv(stage, settings):
    """Readings from a CSV file beside libcsv's bare loop."""
    header, body = SAMPLE.read_bytes().split(b"\n", 1)
    path, times = stage.folder / "readings.csv", max(settings.messages // 20_000, 1)
    path.write_bytes(header + b"\n" + body * 50)
    size = path.stat().st_size * times / 1e6
    bare = size / stage.run("bench-csv-limit", path, times)["seconds"]
    ours = size / stage.run("bench-csv-readings", path, times)["seconds"]
    return {"CSV: libcsv's bare loop, MB/s": bare, "CSV: readings, MB/s": ours, "CSV: ratio": ours / bare}
