"""What all measurements share: private brokers, topics of their own, and programs that end with them."""

import json
import shutil
import time
import uuid

from brokers import Brokers
from clients import read_topic
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from measured import Measured


class Stage:
    """Use it in a with block."""

    def __init__(self, folder):
        self.folder = folder
        self._programs = []
        self._number = 0

    def __enter__(self):
        self.brokers = Brokers(self.folder / "brokers")
        self.brokers.__enter__()
        self.admin = AdminClient({"bootstrap.servers": self.kafka})
        self.watcher = Consumer({"bootstrap.servers": self.kafka, "group.id": "bench-watcher", "enable.auto.commit": False})
        return self

    def __exit__(self, *_):
        self.end_programs()
        self.watcher.close()
        self.brokers.__exit__()

    @property
    def kafka(self):
        return self.brokers.kafka.address

    @property
    def mqtt(self):
        """HOST and PORT."""
        return "127.0.0.1", self.brokers.mqtt.port

    def start(self, *command, **options):
        self._number += 1
        program = Measured(command, self.folder / f"{self._number:04}", **options)
        self._programs.append(program)
        return program

    def run(self, *command, **options):
        """Runs a program to its end and returns its cost as 'cost', together with the result of a bench program."""
        program = self.start(*command, **options)
        cost = program.wait()
        return (json.loads(program.output) if program.name.startswith("bench-") and program.output else {}) | {"cost": cost}

    def end_programs(self):
        for program in self._programs:
            program.end()
        self._programs.clear()

    def new_topic(self, kafka=False):
        """A name that nobody has used; with kafka, a topic of one partition whose records get the time of their append."""
        name = f"bench-{uuid.uuid4().hex[:12]}"
        if kafka:
            topic = NewTopic(name, 1, 1, config={"message.timestamp.type": "LogAppendTime"})
            self.admin.create_topics([topic])[name].result(30)
        return name

    def delete_topic(self, name):
        self.admin.delete_topics([name])[name].result(30)

    def load(self, topic, qos, count, rate=0, window=500, size=110, key="-", topics=1, program="bench-mqtt-load-linked-in"):
        """Publishes messages to the topic, or to so many topics below it, and returns when the broker has them all."""
        return self.run(program, *self.mqtt, topic, qos, window, count, rate, size, key, topics)

    def records(self, topic):
        """How many offsets the topic's partition has used."""
        return self.watcher.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1]

    def wait_for_records(self, topics, count, limit=300):
        """Returns once each topic holds so many."""
        end = time.monotonic() + limit
        waiting = set(topics)
        while waiting:
            waiting = {topic for topic in waiting if self.records(topic) < count}
            assert time.monotonic() < end, f"not all records are in Kafka within {limit} s"
            time.sleep(0.05)

    def span(self, topic, count):
        """When the first and the last of the topic's records were appended, in seconds; there must be count of them."""
        times = [record.timestamp()[1] for record in read_topic(self.kafka, topic)]
        assert len(times) == count, f"{len(times)} records in Kafka instead of {count}"
        return min(times) / 1000, max(times) / 1000

    def bridge(self, topic, *options, delivery="at-least-once", program="bridge"):
        """Starts a bridge from an MQTT topic to the Kafka topic of its name."""
        return self.start(program, "-h", self.mqtt[0], "-p", self.mqtt[1], "-b", self.kafka, "-t", topic, "--kafka-topic", topic,
                          "--spool", self.folder / f"spool-{topic}", "--delivery", delivery, *options)

    def make_session(self, topic, *options, delivery):
        """A bridge that has subscribed and gone: from now on the broker keeps messages for it."""
        bridge = self.bridge(topic, *options, delivery=delivery)
        bridge.wait_for("subscribed to")
        bridge.stop()

    def drop_spool(self, topic):
        shutil.rmtree(self.folder / f"spool-{topic}", ignore_errors=True)
