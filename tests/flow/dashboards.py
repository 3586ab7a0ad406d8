"""A dashboard under test, and the messages that it reads."""

import csv
import json
import re
import urllib.request

from clients import create_topic
from confluent_kafka import Producer
from programs import ROOT, SENSORS
from waiting import wait_until

UNITS = dict(re.findall(r'^SENSOR\((\w+), "([^"]*)"', (ROOT / "lib" / "sensors.def").read_text(), re.MULTILINE))
TOPICS = [*SENSORS, "occupancy"]


class Dashboard:
    """dashboard at a port that stays the same. It can be started and killed any number of times."""

    def __init__(self, programs, *options):
        self.programs, self.options = programs, options
        self.address = None
        self.program = None
        self.starts = 0

    def start(self, **options):
        self.starts += 1
        self.program = self.programs.start("dashboard", "--http", self.address or "0", *self.options, label=f"dashboard-{self.starts}", **options)
        self.address = self.program.wait_for_log(r"the page is at http://([\d.:]+)/").group(1)
        return self

    @property
    def url(self):
        return f"http://{self.address}/"

    def get(self, path):
        """The body of a page."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def status(self):
        return json.loads(self.get("status"))

    def messages(self):
        """The number of messages read, by topic."""
        return {topic["topic"]: topic["messages"] for topic in self.status()["topics"]}

    def wait_for(self, count, limit=60):
        """Waits until it has read so many messages in all."""
        wait_until(lambda: sum(self.messages().values()) >= count, limit, lambda: f"{count} messages, not {self.messages()}; {self.program.stderr[-2000:]}")
        return self

    def memory(self, which="VmRSS"):
        """Resident bytes now; VmHWM: the most so far."""
        status = open(f"/proc/{self.program.pid}/status").read()
        return int(re.search(which + r":\s+(\d+) kB", status).group(1)) * 1024


def make_topics(address, *topics):
    for topic in topics:
        create_topic(address, topic)


def readings(rows=None):
    """The synthetic sample as publish and estimate would send it: topic, key, payload."""
    with open(ROOT / "data" / "occupancy-sample.csv") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            time, truth = f"{row['Date'].replace('/', '-')}T{row['Time']}", int(row["Room_Occupancy_Count"])
            for topic, columns in SENSORS.items():
                for column, node in (column.split(":") for column in columns):
                    yield topic, node, json.dumps({"time": time, "sensor": topic, "node": int(node), "value": float(row[column]), "unit": UNITS[topic],
                                                   "occupancy": truth, "seq": number})
            # Sometimes wrong, as an estimate is.
            yield "occupancy", None, json.dumps({"time": time, "estimate": max(0, truth - (number % 37 == 0)), "probability": [1], "seq": number})
            if number == rows:
                return


def send(address, messages):
    """Sends what readings() or a similar function yields; returns the number of messages by topic."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 5, "queue.buffering.max.messages": 1000000, "message.max.bytes": 2000000})
    counts = {}
    for topic, key, payload in messages:
        producer.produce(topic, payload, key=key)
        producer.poll(0)
        counts[topic] = counts.get(topic, 0) + 1
    assert producer.flush(60) == 0, "Kafka took all"
    return counts
