"""The fault harness for store: real Kafka, database and two stores, and faults at random instants while messages come. Then clients that
are not ours check, without a unique index that would hide doubles, that every (topic, partition, offset) is there once."""

import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from brokers import Broker
from clients import create_topic
from command import parser_of, torture
from confluent_kafka import Producer
from ports import free_port
from postgres import Postgres
from programs import Programs, freeze
from proxy import Proxy
from stores import PostgreSQL, SQLite, count, offsets
from waiting import wait_until

TOPIC, PARTITIONS = "torture", 4
FAILPOINTS = ("store-rows", "store-positions", "store-committed", "store-offer")
# Where a frozen one does not hold a lock that the other would wait for.
ZOMBIES = {"sqlite": ("store-offer",), "postgresql": ("store-offer", "store-rows")}
QUICK = ("-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=500")
FROZEN = 9  # seconds that a zombie is left alone: the group misses it after 6
SAID = {  # what the stores have seen, by their words
    "another had moved the position": "another program has moved the position",
    "partitions assigned": "partitions assigned",
    "the database was away": "the database can be used again",
    "fenced": "has given our group.instance.id",
}


class Sender(threading.Thread):
    """Sends messages without a pause, as many as are due by the kills so far, until all are sent."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_of, self.sent = run, 0
        # Idempotent: it writes each message once, also where Kafka is killed meanwhile, so offsets have no gaps.
        self._producer = Producer({"bootstrap.servers": run.kafka.address, "message.timeout.ms": 600000, "enable.idempotence": True})

    def run(self):
        messages, kills = self.run_of.arguments.messages, self.run_of.arguments.kills
        while self.sent < messages:
            due = messages * (self.run_of.kills + 1) // kills
            for _ in range(min(max(due - self.sent, 5), 25, messages - self.sent)):
                payload = b"broken" if self.sent % 1000 == 999 else json.dumps({"time": self.sent, "value": self.sent}).encode()
                self._producer.produce(TOPIC, payload, b"1", partition=self.sent % PARTITIONS)
                self.sent += 1
            self._producer.poll(0)
            time.sleep(0.02)
            while len(self._producer) > 10_000:
                self._producer.poll(0.1)
        assert self._producer.flush(600) == 0


class Run:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.chance = random.Random(arguments.seed)
        self.faults = Counter()
        self.kills = 0
        self.lives = 0
        self.stores, self.frozen_since = {}, {}
        self.programs = Programs(folder / "programs", {})
        self.kafka_proxy = self.database_proxy = self.server = None

    def address(self):
        """Of the database, for store: that of PostgreSQL goes through the proxy."""
        address = self.database.address
        return address.replace(f":{self.server.port}/", f":{self.database_proxy.port}/") if self.server else address

    def start_store(self, name):
        """A life of one of the two. Some end by themselves at a named instant of the code; some have no name that the group knows again."""
        env, member = {}, ["-X", f"group.instance.id={name}"]
        if self.chance.random() < 0.4:
            env["ROOMSTREAM_FAILPOINT"] = f"{self.chance.choice(FAILPOINTS)}:{self.chance.randint(1, 20)}"
        elif self.chance.random() < 0.25:
            env["ROOMSTREAM_FAILPOINT"] = f"{self.chance.choice(ZOMBIES[self.arguments.store])}:{self.chance.randint(1, 10)}:stop"
        if self.chance.random() < 0.1:
            member = []
        self.lives += 1
        self.stores[name] = self.programs.start(
            "store", "-b", f"127.0.0.1:{self.kafka_proxy.port}", "-t", TOPIC, "-d", self.address(), "-G", "torture", "--batch", "500",
            "--database-timeout", "3s", *QUICK, *member, env=env, label=f"{name}-{self.lives}")

    def revive(self):
        """Starts again what a named instant has killed, and wakes what one has frozen once the other has had time to take over."""
        for name, store in list(self.stores.items()):
            if self.is_frozen(name):
                self.frozen_since.setdefault(store, time.monotonic())
                if time.monotonic() - self.frozen_since[store] > FROZEN:
                    self.faults["zombie at a named instant"] += 1
                    store.send(signal.SIGCONT)
            if not store.is_running():
                assert store.process.returncode == -signal.SIGKILL, store.stderr[-3000:]
                self.faults["failpoint"] += 1
                self.kills += 1
                self.start_store(name)

    def is_frozen(self, name):
        store = self.stores[name]
        return store.is_running() and Path(f"/proc/{store.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"

    def one_of(self):
        """The name of one that is not frozen: it is left alone until it wakes up."""
        return self.chance.choice([name for name in self.stores if not self.is_frozen(name)] or list(self.stores))

    # ---- faults ----

    def store_kill(self):
        name = self.one_of()
        if self.stores[name].is_running():
            self.stores[name].kill()
            self.kills += 1
        self.start_store(name)

    def store_zombie(self):
        """Frozen until the other has its partitions, or for a shorter time; then it wakes up."""
        store = self.stores[self.one_of()]
        if not store.is_running():
            return
        freeze(store.pid)
        time.sleep(self.chance.uniform(0.5, 12))
        store.send(signal.SIGCONT)

    def store_leaves(self):
        """An orderly end: its partitions go to the other, at once or when the group has missed it, and come back."""
        name = self.one_of()
        if self.stores[name].is_running():
            self.stores[name].send(signal.SIGCONT)
            self.stores[name].stop()
        time.sleep(self.chance.choice((0, 8)))
        self.start_store(name)

    def kafka_kill(self):
        self.kafka.kill()
        self.kafka.start()

    def kafka_stop(self):
        self.kafka.freeze()
        time.sleep(self.chance.uniform(1, 5))
        self.kafka.thaw()

    def kafka_silent(self):
        """What the stores send is swallowed, and their connections stay so."""
        self.kafka_proxy.go_silent()
        time.sleep(self.chance.uniform(1, 10))
        self.kafka_proxy.speak_again()

    def database_immediate(self):
        self.server.stop("immediate")
        time.sleep(self.chance.uniform(0, 2))
        self.server.start()

    def database_backend(self):
        """SIGKILL of a process that serves a store, at any instant."""
        self.kill_backend(self.serving())

    def database_commit(self):
        """The same in its commit: it waits for a standby that is not there, so what it has committed stands, and nobody was told."""
        wait_until(lambda: self.database.rows("SELECT 1"), 60, "PostgreSQL answers")
        self.server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        os.kill(self.server.pid, signal.SIGHUP)
        until, pid = time.monotonic() + 5, None
        while not pid and time.monotonic() < until:
            pid = self.serving("AND wait_event = 'SyncRep'")
        self.server.sql("ALTER SYSTEM RESET synchronous_standby_names")
        if not self.kill_backend(pid):
            self.faults["database_commit"] -= 1  # nobody had anything to commit
        os.kill(self.server.pid, signal.SIGHUP)

    def serving(self, condition=""):
        """The process that serves a store, or None."""
        wait_until(lambda: self.database.rows("SELECT 1"), 60, "PostgreSQL answers")
        return self.server.backend(condition)

    def kill_backend(self, pid):
        """As of a crash, the server ends all others too, and recovers."""
        if pid:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not Path(f"/proc/{pid}").exists(), 30, "the server has noticed")
        return pid

    def database_stop(self):
        self.server.freeze()
        time.sleep(self.chance.uniform(1, 5))
        self.server.thaw()

    def database_silent(self):
        self.database_proxy.go_silent()
        time.sleep(self.chance.uniform(1, 5))
        self.database_proxy.speak_again()

    def plan(self):
        rare = [self.store_zombie, self.store_leaves, self.kafka_stop, self.kafka_silent, self.kafka_kill]
        if self.server:
            rare += [self.database_immediate, self.database_backend, self.database_commit, self.database_stop, self.database_silent]
        while self.kills < self.arguments.kills:
            yield self.store_kill if self.chance.random() < 0.8 else self.chance.choice(rare)

    # ---- the run ----

    def play(self):
        number, sender = self.arguments.messages, Sender(self)
        sender.start()
        for name in ("one", "two"):
            self.start_store(name)
        for fault in self.plan():
            time.sleep(self.chance.uniform(0, 1.5))
            self.faults[fault.__name__] += 1
            fault()
            self.revive()
        end = time.monotonic() + 240
        while count(self.database) + count(self.database, "reject") < number and time.monotonic() < end:
            self.revive()
            time.sleep(0.2)
        sender.join(10)
        assert not sender.is_alive() and sender.sent == number, f"{sender.sent} messages were sent"
        for store in self.stores.values():
            store.send(signal.SIGCONT)
            store.stop()

    def account(self):
        found, texts = Counter(), [program.stderr for program in self.programs.started]
        for table in ("reading", "reject"):
            for key, times in offsets(self.database, table).items():
                found[key] += times
        wanted = {(TOPIC, partition, offset) for partition in range(PARTITIONS)
                  for offset in range((self.arguments.messages - partition + PARTITIONS - 1) // PARTITIONS)}
        return {
            "store": self.arguments.store, "seed": self.arguments.seed, "sent": self.arguments.messages, "kills": self.kills,
            "faults": dict(self.faults), "said": {what: sum(text.count(words) for text in texts) for what, words in SAID.items()},
            "lost": len(wanted - found.keys()), "doubled": sum(times - 1 for times in found.values()),
            "unknown": len(found.keys() - wanted), "rejected": count(self.database, "reject"),
        }

    def run(self):
        listener = free_port()
        self.kafka_proxy = Proxy(listener)
        self.kafka = Broker("kafka", self.folder / "kafka", ("--kafka-proxied-port", f"{listener}:{self.kafka_proxy.port}"))
        self.kafka.start()
        try:
            create_topic(self.kafka.address, TOPIC, PARTITIONS)
            if self.arguments.store == "sqlite":
                self.database = SQLite(self.folder)
                self.play()
                return self.account()
            with Postgres(self.folder / "postgres") as self.server:
                self.database_proxy = Proxy(self.server.port)
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
