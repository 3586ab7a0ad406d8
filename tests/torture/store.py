"""The fault harness for store: real Kafka, database and store, and faults at random instants. Then clients that are not ours check,
without a unique index that would hide doubles, that every (topic, partition, offset) is there once."""

import json
import os
import random
import signal
import sys
import time
from collections import Counter

from brokers import Broker
from clients import create_topic
from command import parser_of, torture
from confluent_kafka import Producer
from postgres import Postgres
from programs import Programs, freeze
from stores import PostgreSQL, SQLite, count, offsets

TOPIC, PARTITIONS = "torture", 4
FAILPOINTS = ("store-rows", "store-positions", "store-committed", "store-offer")
QUICK = ("-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=500")


class Run:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.chance = random.Random(arguments.seed)
        self.faults = Counter()
        self.kills = 0
        self.lives = 0
        self.stores = {}
        self.programs = Programs(folder / "programs", {})

    def start_store(self, name):
        """A life of one of the two; a failpoint ends some."""
        env = {}
        if self.chance.random() < 0.4:
            env["ROOMSTREAM_FAILPOINT"] = f"{self.chance.choice(FAILPOINTS)}:{self.chance.randint(1, 20)}"
        self.lives += 1
        self.stores[name] = self.programs.start(
            "store", "-b", self.kafka.address, "-t", TOPIC, "-d", self.database.address, "-G", "torture", "--batch", "500",
            "--database-timeout", "3s", *QUICK, "-X", f"group.instance.id={name}", "--log-level", "warning", env=env, label=f"{name}-{self.lives}")

    def revive(self):
        """Starts again what a failpoint has killed."""
        for name, store in list(self.stores.items()):
            if not store.is_running():
                assert store.process.returncode == -signal.SIGKILL, store.stderr[-3000:]
                self.faults["failpoint"] += 1
                self.kills += 1
                self.start_store(name)

    # ---- faults ----

    def store_kill(self):
        name = self.chance.choice(list(self.stores))
        if self.stores[name].is_running():
            self.stores[name].kill()
            self.kills += 1
        self.start_store(name)

    def store_zombie(self):
        """Freezes it until the other has its partitions, then continues it."""
        store = self.chance.choice(list(self.stores.values()))
        if not store.is_running():
            return
        freeze(store.pid)
        time.sleep(self.chance.uniform(0.5, 9))
        store.send(signal.SIGCONT)

    def store_leaves(self):
        """Stops it orderly: its partitions go to the other, and come back."""
        name = self.chance.choice(list(self.stores))
        if self.stores[name].is_running():
            self.stores[name].stop()
        self.start_store(name)

    def kafka_kill(self):
        self.kafka.kill()
        self.kafka.start()

    def kafka_stop(self):
        self.kafka.freeze()
        time.sleep(self.chance.uniform(1, 5))
        self.kafka.thaw()

    def database_immediate(self):
        self.server.stop("immediate")
        time.sleep(self.chance.uniform(0, 2))
        self.server.start()

    def database_backend(self):
        """Kills the process that serves a store, often in the commit."""
        try:
            pid = self.server.backend()
            if pid:
                os.kill(pid, signal.SIGKILL)
        except (AssertionError, ProcessLookupError):
            pass

    def database_stop(self):
        self.server.freeze()
        time.sleep(self.chance.uniform(1, 5))
        self.server.thaw()

    def plan(self):
        rare = [self.store_zombie, self.store_leaves, self.kafka_stop, self.kafka_kill]
        if self.arguments.store == "postgresql":
            rare += [self.database_immediate, self.database_backend, self.database_stop]
        while self.kills < self.arguments.kills:
            yield self.store_kill if self.chance.random() < 0.85 else self.chance.choice(rare)

    # ---- the run ----

    def send(self, first, last):
        producer = Producer({"bootstrap.servers": self.kafka.address, "queue.buffering.max.messages": 1000000, "message.timeout.ms": 300000,
                             "enable.idempotence": True})
        for number in range(first, last):
            payload = b"broken" if number % 1000 == 999 else json.dumps({"time": number, "value": number}).encode()
            producer.produce(TOPIC, payload, b"1", partition=number % PARTITIONS)
            producer.poll(0)
        assert producer.flush(300) == 0

    def play(self):
        number = self.arguments.messages
        sent = 0
        for name in ("one", "two"):
            self.start_store(name)
        for fault in self.plan():
            # Messages come during all faults, so that there is something to lose to the end.
            due = min(number, number * (self.kills + 1) // self.arguments.kills)
            if due > sent and "kafka" not in fault.__name__:
                self.send(sent, due)
                sent = due
            time.sleep(self.chance.uniform(0, 0.7))
            self.faults[fault.__name__] += 1
            fault()
            self.revive()
        self.send(sent, number)
        end = time.monotonic() + 180
        while count(self.database) + count(self.database, "reject") < number and time.monotonic() < end:
            self.revive()
            time.sleep(0.2)
        for store in self.stores.values():
            store.stop()

    def account(self):
        found = Counter()
        for table in ("reading", "reject"):
            for key, times in offsets(self.database, table).items():
                found[key] += times
        wanted = {(TOPIC, partition, offset) for partition in range(PARTITIONS)
                  for offset in range((self.arguments.messages - partition + PARTITIONS - 1) // PARTITIONS)}
        # An idempotent producer writes each message once, even if Kafka is killed: there is no other offset.
        return {
            "store": self.arguments.store, "seed": self.arguments.seed, "sent": self.arguments.messages, "kills": self.kills,
            "faults": dict(self.faults), "lost": len(wanted - found.keys()), "doubled": sum(times - 1 for times in found.values()),
            "unknown": len(found.keys() - wanted), "rejected": count(self.database, "reject"),
        }

    def run(self):
        self.kafka = Broker("kafka", self.folder / "kafka")
        self.kafka.start()
        try:
            create_topic(self.kafka.address, TOPIC, PARTITIONS)
            if self.arguments.store == "sqlite":
                self.database = SQLite(self.folder)
                self.play()
                return self.account()
            (self.folder / "postgres").mkdir()
            with Postgres(self.folder / "postgres") as self.server:
                self.database = PostgreSQL(self.server)
                self.play()
                return self.account()
        finally:
            self.programs.end_all()
            self.kafka.stop()


def main():
    parser = parser_of(__doc__, messages=200_000, kills=200)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), required=True)
    return torture(Run, parser.parse_args(), lambda result: result["lost"] or result["doubled"] or result["unknown"])


if __name__ == "__main__":
    sys.exit(main())
