"""What arrived in Kafka, compared with what was sent."""

import ctypes
import threading
import time
import uuid

from clients import end_offset, read_topic, topic_partitions
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from waiting import wait_until


class Count:
    """The result of reading once: first occurrences per key, in Kafka's order."""

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


def missing(expected, seen):
    """The messages that are missing in seen, as 'KEY NUMBER'."""
    return [f"{key} {number}" for key, greatest in expected.items()
            for number in range(1, greatest + 1) if number not in seen.get(key, ())]


def read_back(brokers, topics, isolation="read_committed"):
    """Reads for the verdict, with a client that saw nothing of the run. The messages of a key are in one topic."""
    count = Count()
    for topic in topics:
        for message in read_topic(brokers, topic, 300, isolation):
            count.add(message)
    return count


def merge(seen, more):
    """Adds the second to the first; both are like Count.seen."""
    for key, numbers in more.items():
        seen.setdefault(key, set()).update(numbers)


class Ledger:
    """What arrived in each of the topics of these names. They are closed before they vanish."""

    def __init__(self, brokers, topics):
        self.topics = topics
        self.closed = []  # a Count of each topic that has vanished
        self.vanished = 0  # of the closed ones, how many are gone
        self.open = {}    # like Count.seen: lost with a transaction that was still open
        self._brokers = brokers

    def close_volume(self):
        """Reads the topic to its end; only what is on its way is still written to it."""
        self._await_end()
        count = read_back(self._brokers, self.topics)
        everything = read_back(self._brokers, self.topics, "read_uncommitted")
        # Order is kept, so what follows the last committed one was not committed, unless it was aborted.
        merge(self.open, {key: {number for number in numbers if number > count.last.get(key, 0)}
                          for key, numbers in everything.seen.items()})
        self.closed.append(count)

    def _await_end(self):
        """Waits until what was on its way has arrived: the end does not move for a moment."""
        ends = []

        def stands_still():
            ends.append([end_offset(self._brokers, topic, id_)
                         for topic in self.topics for id_ in topic_partitions(self._brokers, topic)])
            time.sleep(0.2)
            return len(ends) > 1 and ends[-1] == ends[-2]

        wait_until(stands_still, 30, f"nothing arrives in {', '.join(self.topics)} any more")

    def account(self):
        """(the counts of all topics; all that arrived, in one set; how many of these came again in a later topic)."""
        counts, seen, again = [*self.closed, read_back(self._brokers, self.topics)], {}, 0
        for count in counts:
            again += sum(len(numbers & seen.get(key, set())) for key, numbers in count.seen.items())
            merge(seen, count.seen)
        return counts, seen, again


class Progress:
    """Follows the topics while the run goes on, in a thread of its own: when did new messages arrive?"""

    def __init__(self, brokers, ledger, sent):
        """sent: a function that tells how many messages the MQTT broker has."""
        self.distinct = 0
        self.arrivals = []  # monotonic seconds of each new message
        self.longest_stall = 0.0  # with something to wait for
        self._sent = sent
        self._stopped = threading.Event()
        self._brokers, self._ledger = brokers, ledger
        self._consumer = self._follow()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _partitions(self):
        return [TopicPartition(topic, id_, OFFSET_BEGINNING)
                for topic in self._ledger.topics for id_ in topic_partitions(self._brokers, topic)]

    def _follow(self):
        consumer = Consumer({
            "bootstrap.servers": self._brokers, "group.id": f"torture-{uuid.uuid4()}",
            "enable.auto.commit": False, "isolation.level": "read_committed", "log_level": 0,
            "reconnect.backoff.max.ms": 500,
        })
        # Assigned, not subscribed: a consumer group would take up to 45 s of its own to come back after Kafka.
        consumer.assign(self._partitions())
        return consumer

    def _follow_next(self, count):
        """The topic has vanished: follows the next one from its beginning, once it exists. Messages in the old one count."""
        for closed in self._ledger.closed:
            merge(count.seen, closed.seen)
        merge(count.seen, self._ledger.open)
        try:
            partitions = self._partitions()
        except KafkaException:  # not started yet
            partitions = []
        if partitions:
            # Neither closed nor freed: librdkafka 2.0.2 may wait for ever then, once a topic has vanished.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._consumer))
            self._consumer = self._follow()
        return bool(partitions)

    def _run(self):
        count, waiting_since, volume = Count(), None, 0
        while not self._stopped.is_set():
            if self._ledger.vanished > volume and self._follow_next(count):
                volume = self._ledger.vanished
            for message in self._consumer.consume(2000, 0.1):
                if message.error() is None:
                    count.add(message)
            fresh, now = count.distinct() - self.distinct, time.monotonic()
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
