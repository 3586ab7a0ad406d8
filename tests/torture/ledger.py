"""What arrived in Kafka, compared with what was sent."""

import threading
import time
import uuid

from clients import read_topic, topic_partitions
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition


class Count:
    """Of one reading: first occurrences per key, in the order in which they stand in Kafka."""

    def __init__(self):
        self.seen = {}     # key: set of numbers
        self.last = {}     # key: greatest number so far
        self.records = 0
        self.out_of_order = 0
        self.foreign = 0   # not what the publisher wrote

    def add(self, message):
        """True when it is the first occurrence."""
        self.records += 1
        try:
            key, number = message.value().decode().split(" ")
            number = int(number)
        except ValueError:
            self.foreign += 1
            return False
        if message.key() != key.encode():
            self.foreign += 1
        numbers = self.seen.setdefault(key, set())
        if number in numbers:
            return False
        if number < self.last.get(key, 0):
            self.out_of_order += 1
        else:
            self.last[key] = number
        numbers.add(number)
        return True

    def distinct(self):
        return sum(map(len, self.seen.values()))

    def missing(self, expected):
        """The messages that are not there, as 'KEY NUMBER'."""
        return [f"{key} {number}" for key, greatest in expected.items()
                for number in range(1, greatest + 1) if number not in self.seen.get(key, ())]


def read_back(brokers, topic):
    """The verdict's reading, by a client that saw nothing of the run."""
    count = Count()
    for message in read_topic(brokers, topic, 300):
        count.add(message)
    return count


class Progress:
    """Follows the topic while the run goes on, in a thread of its own: when did new messages arrive?"""

    def __init__(self, brokers, topic, sent):
        """sent: a function that tells how many messages the MQTT broker has."""
        self.distinct = 0
        self.arrivals = []  # monotonic seconds at which there was something new
        self.longest_stall = 0.0  # with something to wait for
        self._sent = sent
        self._stopped = threading.Event()
        self._consumer = Consumer({
            "bootstrap.servers": brokers, "group.id": f"torture-{uuid.uuid4()}",
            "enable.auto.commit": False, "isolation.level": "read_committed", "log_level": 0,
            "reconnect.backoff.max.ms": 500,
        })
        # Assigned, not subscribed: a consumer group would take up to 45 s of its own to come back after Kafka.
        self._consumer.assign([TopicPartition(topic, id_, OFFSET_BEGINNING) for id_ in topic_partitions(brokers, topic)])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        count, waiting_since = Count(), None
        while not self._stopped.is_set():
            fresh = 0
            for message in self._consumer.consume(2000, 0.1):
                if message.error() is None:
                    fresh += count.add(message)
            now = time.monotonic()
            if fresh:
                self.distinct += fresh
                self.arrivals.append(now)
            if fresh or self._sent() <= self.distinct:
                waiting_since = None
            waiting_since = waiting_since or now
            if self._sent() > self.distinct:
                self.longest_stall = max(self.longest_stall, now - waiting_since)

    def last_arrival(self):
        return self.arrivals[-1] if self.arrivals else 0.0

    def first_arrival_after(self, moment):
        return next((arrival for arrival in self.arrivals if arrival > moment), None)

    def close(self):
        self._stopped.set()
        self._thread.join(10)
        self._consumer.close()
