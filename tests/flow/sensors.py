"""Readings of the sensors in Kafka, as publishers and bridges would have written them."""

import csv
import json
import math
import re
import uuid
from pathlib import Path

from clients import create_topic
from confluent_kafka import Producer

ROOT = Path(__file__).resolve().parents[2]
MODEL = json.loads((ROOT / "estimate" / "model.json").read_text())
SAMPLE = ROOT / "data" / "occupancy-sample.csv"


def table():
    """(topic, node, column) of each input, from the table of sensors."""
    lines = re.findall(r'^SENSOR\((\w+), "[^"]*", "([^"]*)"\)', (ROOT / "lib" / "sensors.def").read_text(), re.MULTILINE)
    return [(topic, int(pair.split(":")[1]), pair.split(":")[0]) for topic, columns in lines for pair in columns.split(",")]


def rows(path=SAMPLE):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


class Room:
    """Topics of its own for the six sensors, and a model that reads them."""

    def __init__(self, kafka, folder, partitions=2):
        self.kafka = kafka
        self.name = f"room-{uuid.uuid4().hex[:8]}"
        self.model = folder / f"{self.name}.json"
        self.partitions = partitions
        self.topics = sorted({topic for topic, _, _ in table()})
        self.seq = dict.fromkeys(self.topics, 0)
        self.producer = Producer({"bootstrap.servers": kafka, "linger.ms": 5})
        inputs = [f"{self.name}-{name}" for name in MODEL["inputs"]]
        self.model.write_text(json.dumps({**MODEL, "inputs": inputs}))

    def create(self, *topics):
        for topic in topics or self.topics:
            create_topic(self.kafka, f"{self.name}-{topic}", self.partitions)
        return self

    def payload(self, row, topic, node, column):
        self.seq[topic] += 1
        time = row["Date"].replace("/", "-") + "T" + row["Time"]
        return json.dumps({"time": time, "sensor": topic, "node": node, "value": float(row[column]),
                           "occupancy": int(row["Room_Occupancy_Count"]), "seq": self.seq[topic]}).encode()

    def send(self, row, without=(), topics=None):
        """One row: a message for each input, but for those in without (TOPIC/NODE)."""
        for topic, node, column in table():
            if f"{topic}/{node}" not in without and (topics is None or topic in topics):
                self.produce(topic, node, self.payload(row, topic, node, column))

    def produce(self, topic, node, payload):
        self.producer.produce(f"{self.name}-{topic}", payload, str(node))
        self.producer.poll(0)

    def flush(self):
        assert self.producer.flush(60) == 0

    def send_all(self, all_rows, **options):
        for row in all_rows:
            self.send(row, **options)
        self.flush()


def expected(row):
    """Time, estimate and probabilities of a complete row, computed apart from our code."""
    values = [float(row[column]) for _, _, column in table()]
    scores = [intercept + sum(map(float.__mul__, coefficients, values))
              for intercept, coefficients in zip(MODEL["intercepts"], MODEL["coefficients"])]
    weights = [math.exp(score - max(scores)) for score in scores]
    time = row["Date"].replace("/", "-") + "T" + row["Time"]
    return time, MODEL["classes"][scores.index(max(scores))], [weight / sum(weights) for weight in weights]
