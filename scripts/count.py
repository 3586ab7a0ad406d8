#!/usr/bin/env python3
"""Counts what arrived in Kafka of one run of the publishers: lost, doubled, out of order.

Only messages with the record header `run` = RUN count; each carries a sequence number in its JSON payload, from 1 for
each topic. It first waits until all topics exist and notes where they end, says so (the file --ready appears), and then
reads on from there. The folder --published holds what the publishers report: for each topic, when its publisher has ended, a file
of that name with a line `published=N`; and, when no more is to come, a file `complete`. From then on it waits until
all is there, or nothing has come for --patience seconds, and prints a table to the standard output.

With --database, a SQLite file, it waits until `store` has written there what was read in Kafka, and counts the rows by SQL. With
--estimates, a topic, it says for how many of the recorded times there is a record in it.

Exit status: 0 every message is there exactly once and in the order of its node; 1 messages are lost or their number is
unknown; 2 used wrongly; 3 none is lost, but some are doubled or out of order; 4 Kafka could not be read; 5 the database has not
each message of Kafka once.
"""

import argparse
import json
import os
import signal
import sqlite3
import sys
import time
import uuid
from datetime import datetime
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from lib.stored import Stored

EXACT, LOST, DOUBLED, UNREADABLE, NOT_STORED = 0, 1, 3, 4, 5
COLUMNS = ("published", "read back", "lost", "doubled", "out of order")


class Failure(Exception):
    """Kafka could not be read; the text is for the user."""


class Tally:
    """What was seen of one topic."""

    def __init__(self):
        self.published = None  # not known yet
        self.read = self.distinct = self.out_of_order = self.foreign = 0
        self.times = set()  # recorded ones
        self._seen = bytearray()  # by sequence number: a byte each, which is small enough for millions
        self._highest = {}  # by node

    def add(self, payload):
        """Takes a message of this run."""
        self.read += 1
        try:
            message = json.loads(payload)
            sequence, node = int(message["seq"]), message["node"]
            if sequence < 1:
                raise ValueError(sequence)
            self.times.add(message.get("time"))
        except (ValueError, TypeError, KeyError):
            self.foreign += 1
            return
        if sequence >= len(self._seen):
            self._seen.extend(bytes(2 * sequence - len(self._seen) + 1))
        if self._seen[sequence]:
            return
        self._seen[sequence] = 1
        self.distinct += 1
        # A message that comes a second time does not count as late: it is doubled.
        self.out_of_order += sequence < self._highest.get(node, 0)
        self._highest[node] = max(sequence, self._highest.get(node, 0))

    @property
    def lost(self):
        """How many of the numbers from 1 to published are missing; None when published is not known."""
        return None if self.published is None else self.published - sum(self._seen[1 : self.published + 1])

    @property
    def doubled(self):
        return self.read - self.distinct


class Progress:
    """Shows progress on the standard error stream: on a terminal one line that is rewritten, otherwise a line now and then."""

    def __init__(self, stream):
        self._stream = stream
        self._terminal = stream.isatty()
        self._interval = 0.5 if self._terminal else 5  # seconds
        self._last = (time.monotonic(), 0)
        self._shown = False

    def show(self, tallies):
        now = time.monotonic()
        if now < self._last[0] + self._interval:
            return
        read = sum(tally.read for tally in tallies.values())
        rate = (read - self._last[1]) / max(now - self._last[0], 1e-9)
        counts = ", ".join(f"{topic} {tally.read:,}" for topic, tally in tallies.items())
        text = f"{read:,} messages in Kafka, {rate:,.0f}/s ({counts})"
        if self._terminal:
            self._stream.write(f"\r\033[K{text[: self._width() - 1]}")
        else:
            self._stream.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} count.py info: {text}\n")
        self._stream.flush()
        self._shown = True
        self._last = (now, read)

    def _width(self):
        """The width of the terminal now: a line that wraps could not be rewritten."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:
            return 80

    def end(self):
        if self._terminal and self._shown:
            self._stream.write("\r\033[K")
            self._stream.flush()


def open_consumer(brokers):
    return Consumer({
        "bootstrap.servers": brokers,
        "group.id": f"roomstream-count-{uuid.uuid4()}",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "log_level": 2,  # its errors are reported here
        "queued.max.messages.kbytes": 16384,
    })


def find_ends(consumer, topics, limit):
    """The ends of all partitions of the topics, once all topics exist."""
    end, missing = time.monotonic() + limit, topics
    while missing:
        if time.monotonic() > end:
            raise Failure(f"not in Kafka after {limit:g} s: the topics {', '.join(missing)}")
        known = consumer.list_topics(timeout=10).topics
        missing = [topic for topic in topics if topic not in known or not known[topic].partitions]
        if missing:
            time.sleep(0.2)
    ends = []
    for topic in topics:
        for partition in known[topic].partitions:
            _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            ends.append(TopicPartition(topic, partition, high))
    return ends


def belongs_to(message, run):
    return any(name == "run" and value == run for name, value in message.headers() or ())


def read_reports(folder, tallies):
    """Reads what the publishers have reported so far; true when nothing more is expected."""
    complete = (folder / "complete").exists()
    for topic, tally in tallies.items():
        if tally.published is None and (folder / topic).exists():
            report = dict(line.split("=", 1) for line in (folder / topic).read_text().splitlines() if "=" in line)
            tally.published = int(report["published"])
    return complete


def consume(consumer):
    """The messages that have arrived; waits for them a moment."""
    for message in consumer.consume(5000, 0.2):
        if not message.error():
            yield message
        elif not message.error().retriable():
            raise Failure(str(message.error()))


def count(consumer, options, tallies, stored):
    progress = Progress(sys.stderr)
    run = options.run.encode()
    complete, last = False, time.monotonic()
    try:
        while True:
            own = [message for message in consume(consumer) if belongs_to(message, run)]
            for message in own:
                tallies[message.topic()].add(message.value())
                last = time.monotonic()
            if stored:
                stored.expect(own)
            progress.show(tallies)
            if not complete:
                complete = read_reports(options.published, tallies)
                last = time.monotonic()
            elif time.monotonic() - last > options.patience:
                return
            # One more round without messages, so that doubles which are on their way are counted too.
            elif time.monotonic() - last > options.settle and not any(tally.lost for tally in tallies.values()):
                return
    finally:
        progress.end()


def instant(text):
    """A recorded time in a form that can be compared; None for anything else."""
    try:
        return datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None


def estimated_instant(payload):
    """The time in a record of estimate; None for any other payload."""
    try:
        record = json.loads(payload)
        return None if record["estimate"] is None else instant(record["time"])
    except (ValueError, TypeError, KeyError):
        return None


def count_estimates(consumer, topic, tallies, patience):
    """How many recorded times there are, and for how many the topic has a record with an estimate. Waits for the last ones."""
    wanted = {instant(text) for tally in tallies.values() for text in tally.times} - {None}
    missing, since = set(wanted), time.monotonic()
    partitions = consumer.list_topics(timeout=10).topics
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions[topic].partitions] if topic in partitions else [])
    while missing and time.monotonic() - since < patience:
        for message in consume(consumer):
            found = estimated_instant(message.value())
            if found in missing:
                missing.discard(found)
                since = time.monotonic()
    return len(wanted), len(wanted) - len(missing)


def print_table(tallies, stored):
    columns = [*COLUMNS, *(["stored"] if stored else [])]
    rows = [
        (topic, tally.published, tally.read, tally.lost, tally.doubled, tally.out_of_order, *([stored.rows.get(topic, 0)] if stored else []))
        for topic, tally in tallies.items()
    ]
    totals = [None if None in column else sum(column) for column in list(zip(*rows, strict=True))[1:]]
    rows.append(("total", *totals))
    width = max(len("topic"), *(len(topic) for topic in tallies))
    print(f"{'topic':<{width}}", *(f"{name:>12}" for name in columns))
    for name, *numbers in rows:
        print(f"{name:<{width}}", *(f"{'unknown' if number is None else format(number, ','):>12}" for number in numbers))


def look_into(database, stored, patience):
    """Counts what is stored, and says what cannot be read."""
    stored.wait(patience)
    try:
        rejected = stored.count()
    except sqlite3.Error as error:
        print(f"count.py: the database {database} cannot be read: {error}", file=sys.stderr)
        return
    if rejected:
        print(f"count.py: {rejected} messages stand in the table reject of {database}, with the reason", file=sys.stderr)


def judge(tallies, stored):
    for topic, tally in tallies.items():
        if tally.foreign:
            print(f"count.py: {topic}: {tally.foreign} messages of this run without sequence number or node", file=sys.stderr)
    if any(tally.lost is None or tally.lost > 0 for tally in tallies.values()):
        return LOST
    if stored and any(not tally.read == stored.rows.get(topic, 0) == stored.different.get(topic, 0) for topic, tally in tallies.items()):
        return NOT_STORED
    return DOUBLED if any(tally.doubled or tally.out_of_order for tally in tallies.values()) else EXACT


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topics", nargs="+", metavar="TOPIC")
    parser.add_argument("--brokers", required=True, help="Kafka's bootstrap servers")
    parser.add_argument("--run", required=True, help="value of the header `run`")
    parser.add_argument("--published", required=True, type=Path, metavar="DIR", help="folder of the publishers' reports")
    parser.add_argument("--ready", required=True, type=Path, metavar="FILE", help="file to make when publishing may begin")
    parser.add_argument("--database", type=Path, metavar="FILE", help="count in this SQLite file of store too")
    parser.add_argument("--estimates", metavar="TOPIC", help="say how many recorded times have a record in this topic")
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS", help="wait so long for what is missing")
    parser.add_argument("--settle", type=float, default=1, metavar="SECONDS", help="read on so long when all is there")
    return parser.parse_args()


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    tallies = {topic: Tally() for topic in options.topics}
    stored, estimated = Stored(options.database) if options.database else None, None
    consumer = open_consumer(options.brokers)
    try:
        consumer.assign(find_ends(consumer, options.topics, limit=60))
        options.ready.touch()
        count(consumer, options, tallies, stored)
        if options.estimates:
            estimated = count_estimates(consumer, options.estimates, tallies, min(options.patience, 20))
    except (Failure, KafkaException) as failure:
        print(f"count.py: Kafka at {options.brokers} cannot be read: {failure}", file=sys.stderr)
        return UNREADABLE
    finally:
        consumer.close()
    if stored:
        look_into(options.database, stored, options.patience)
    print_table(tallies, stored)
    if estimated:
        print(f"\n{options.estimates}: {estimated[1]:,} of {estimated[0]:,} moments estimated")
    return judge(tallies, stored)


if __name__ == "__main__":
    sys.exit(main())
