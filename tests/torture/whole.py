"""The fault harness for the whole way: real publisher, Mosquitto, bridge, Kafka and store, killed at random instants and failpoints. Then
SQL checks that each (topic, seq) is in the database as often as it was published: once, or again by a killed publisher. A witness, an
MQTT client at QoS 2 that is not ours and is never killed, counts how often."""

import json
import os
import random
import signal
import sys
import time
from collections import Counter

from brokers import Brokers
from clients import create_topic, paho_client
from command import parser_of, torture
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from plan import FAILPOINTS as BRIDGE_FAILPOINTS
from plan import PASSAGES
from programs import Programs, freeze
from store import FAILPOINTS as STORE_FAILPOINTS
from store import QUICK
from stores import SQLite, count
from waiting import wait_until

TOPIC, PARTITIONS, NODES, WINDOW = "torture", 2, 4, 50
PATIENCE = 180  # seconds without a new row, after which the run ends


class Witness:
    """Counts how often Mosquitto has taken each number."""

    def __init__(self, port):
        self.seen = Counter()
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 86400
        self._client = paho_client("torture-witness")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = lambda _client, _data, message: self.seen.update([json.loads(message.payload)["seq"]])
        self._client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self._client.subscribe(TOPIC, 2)
        self._client.loop_start()
        wait_until(self._client.is_connected, 10, "the witness is connected")

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def compare(last, published, stored):
    """Compares how often each number from 1 to the last was published and is stored."""
    wanted = range(1, last + 1)
    return {
        "lost": sum(max(0, max(1, published[seq]) - stored.get(seq, 0)) for seq in wanted),
        "doubled": sum(max(0, stored.get(seq, 0) - max(1, published[seq])) for seq in wanted),
        "published_again": published.total() - len(published),
        "unknown": len(stored.keys() - set(wanted)),
    }


class Run:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.chance = random.Random(arguments.seed)
        self.faults = Counter()
        self.lives = Counter()
        self.running = {}
        self.failures = []  # ends without a kill
        self.database = SQLite(folder)
        self.data = folder / "data.csv"

    def kills(self):
        return self.faults.total()

    # ---- the programs: each start is another life, and a failpoint ends some ----

    def write_data(self):
        with open(self.data, "w") as file:
            file.write("Date,Time,a,b,c,d\n")
            for row in range(self.arguments.messages // NODES):
                file.write(time.strftime("%Y/%m/%d,%H:%M:%S", time.gmtime(1700000000 + row)) + f",{row},{row},{row},{row}\n")

    def command(self, name):
        if name == "publish":
            rate = max(20, self.arguments.messages // (self.arguments.kills * 5))  # it lasts as long as the kills take
            return ["publish", "--file", self.data, "--column", "a:1,b:2,c:3,d:4", "-t", TOPIC, "--qos", 2, "--rate", rate,
                    "--window", WINDOW, "--quiet", "--resume", self.folder / "resume"]
        if name == "bridge":
            return ["bridge", "-t", TOPIC, "--spool", self.folder / "spool", "--delivery", "exactly-once", "--partitions", PARTITIONS,
                    "--segment-size", "256K"]
        return ["store", "-t", TOPIC, "-d", self.database.address, "-G", "torture", *QUICK, "-X", "group.instance.id=one"]

    def failpoint(self, name):
        """A failpoint, NAME:PASSAGE, for some of the lives."""
        if self.chance.random() < 0.6:
            return ""
        if name == "bridge":
            point = self.chance.choice(BRIDGE_FAILPOINTS["exactly-once"])
            return f"{point}:{self.chance.randint(1, PASSAGES.get(point, 100))}"
        points = STORE_FAILPOINTS if name == "store" else ("before-record", "after-record")
        return f"{self.chance.choice(points)}:{self.chance.randint(1, 20 if name == 'store' else 200)}"

    def start(self, name):
        self.lives[name] += 1
        failpoint = self.failpoint(name) if self.lives[name] > 1 else ""
        self.running[name] = self.programs.start(*self.command(name), env={"ROOMSTREAM_FAILPOINT": failpoint}, label=f"{name}-{self.lives[name]}")

    def revive(self):
        """Starts again what a failpoint has killed or what has ended with status 1, as a supervisor does. A publisher that is done has
        status 0."""
        for name, program in self.running.items():
            status = None if program.is_running() else program.process.returncode
            if status is None or (name == "publish" and status == 0):
                continue
            assert status in (-signal.SIGKILL, 1), (name, status, program.stderr[-3000:])
            if status == 1:
                self.failures.append(f"{name}: {program.stderr.strip().splitlines()[-1]}")
            else:
                self.faults[f"{name} at a named instant"] += 1
            self.start(name)

    # ---- faults ----

    def kill(self, name):
        if self.running[name].is_running():
            self.running[name].kill()
            self.faults[f"{name} killed"] += 1
            self.start(name)

    def kill_kafka(self):
        self.brokers.kafka.kill()
        self.faults["Kafka killed"] += 1
        self.brokers.kafka.start()

    def kill_mosquitto(self):
        """Mosquitto acknowledges before it saves, so a kill at any other moment would lose messages for good. It is killed right after it
        has saved, while its clients are frozen."""
        mqtt, clients = self.brokers.mqtt, [self.running[name].pid for name in ("publish", "bridge") if self.running[name].is_running()]
        for pid in clients:
            freeze(pid)
        file = mqtt.folder / "data" / "mosquitto.db"
        wait_until(self.is_quiet(), 30, "the witness has all")
        before = file.stat().st_ino if file.exists() else 0
        os.kill(mqtt.pid, signal.SIGUSR1)
        wait_until(lambda: file.exists() and file.stat().st_ino != before, 30, "Mosquitto has saved")
        mqtt.kill()
        self.faults["Mosquitto killed"] += 1
        mqtt.start()
        for pid in clients:
            os.kill(pid, signal.SIGCONT)

    def is_quiet(self):
        """Returns a function that tells whether nothing new has come to the witness for a second."""
        last = [self.witness.seen.total(), time.monotonic()]

        def quiet():
            if self.witness.seen.total() != last[0]:
                last[:] = [self.witness.seen.total(), time.monotonic()]
            return time.monotonic() - last[1] > 1

        return quiet

    def strike(self):
        kind = self.chance.choices(("publish", "bridge", "store", "kafka", "mosquitto"), (20, 32, 32, 8, 8))[0]
        if kind == "kafka":
            self.kill_kafka()
        elif kind == "mosquitto":
            self.kill_mosquitto()
        else:
            self.kill(kind)

    # ---- the run ----

    def stored(self):
        return {int(seq): int(times) for seq, times in self.database.rows(
            f"SELECT seq, count(*) FROM reading WHERE topic = '{TOPIC}' GROUP BY topic, seq")}

    def await_flow(self):
        """Waits, with a limit, until something new is stored: otherwise nothing might be in flight at the kills."""
        before, until = self.rows(), time.monotonic() + 20
        while self.rows() == before and time.monotonic() < until:
            self.revive()
            time.sleep(0.1)

    def rows(self):
        return count(self.database)

    def play(self):
        self.start("bridge")
        self.running["bridge"].wait_for_log("subscribed to", 60)  # messages from before that would never reach it
        self.start("store")
        self.start("publish")
        next_word = time.monotonic() + 60
        while self.kills() < self.arguments.kills:
            if self.chance.random() < 0.5:
                self.await_flow()
            time.sleep(self.chance.uniform(0.1, 1.5))
            self.strike()
            self.revive()
            if time.monotonic() > next_word:
                next_word += 60
                print(f"{self.kills()} kills, {len(self.witness.seen)} messages at Mosquitto, {self.rows()} rows stored", file=sys.stderr, flush=True)
        last, since = -1, time.monotonic()
        while time.monotonic() - since < PATIENCE:
            self.revive()
            rows = self.rows()
            if self.running["publish"].process.returncode == 0 and rows >= self.witness.seen.total() >= self.arguments.messages:
                break
            if rows != last:
                last, since = rows, time.monotonic()
            time.sleep(0.5)
        time.sleep(2)  # so that doubles that are on their way count too
        for name in ("bridge", "store"):
            self.running[name].stop(60)

    def account(self):
        return {
            "whole": True, "seed": self.arguments.seed, "messages": self.arguments.messages, "kills": self.kills(), "faults": dict(self.faults),
            "failures": self.failures, **compare(self.arguments.messages, self.witness.seen, self.stored()), "rejected": len(self.database.rows("SELECT 1 FROM reject")),
        }

    def run(self):
        self.write_data()
        with Brokers(self.folder / "brokers") as self.brokers:
            create_topic(self.brokers.kafka.address, TOPIC, PARTITIONS)
            self.programs = Programs(self.folder / "programs", self.brokers.env)
            self.witness = Witness(self.brokers.mqtt.port)
            try:
                self.play()
                return self.account()
            finally:
                self.programs.end_all()
                self.witness.close()


def main():
    parser = parser_of(__doc__, messages=40_000, kills=100)
    parser.add_argument("--whole", action="store_true", required=True)
    arguments = parser.parse_args()
    arguments.messages -= arguments.messages % NODES
    return torture(Run, arguments, lambda result: result["lost"] or result["doubled"] or result["unknown"] or result["rejected"])


if __name__ == "__main__":
    sys.exit(main())
