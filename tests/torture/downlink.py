"""The fault harness for downlink: real Kafka, Mosquitto and downlink, each killed by SIGKILL at random instants. Then a subscriber that
is not ours checks that nothing is lost, no more is doubled than the bound, and each key is in order.

Mosquitto acknowledges a message before its subscriber has it, and after a SIGKILL it only has what it saved last. So downlink is frozen
with its messages in flight until the subscriber has all others. Then Mosquitto is killed, and downlink continues when the subscriber is
back."""

import random
import signal
import sys
import threading
import time
from collections import Counter

from brokers import Broker
from clients import create_topic, paho_client
from command import parser_of, torture
from confluent_kafka import Producer
from downlinks import committed
from ports import free_port
from programs import Program, Programs, freeze
from waiting import wait_until

TOPIC, PARTITIONS, KEYS = "torture", 2, 10
FAILPOINTS = ("downlink-send", "downlink-settle")
QUICK = ("-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=500", "-X", "group.instance.id=one")


class Mosquitto:
    """Mosquitto with persistence, which it saves at its start and end."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder, self.port, self.starts = folder, free_port(), 0
        (folder / "mosquitto.conf").write_text("\n".join([
            "user root", f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence true", f"persistence_location {folder}/",
            "max_inflight_messages 0", "max_queued_messages 0", "autosave_interval 1", "autosave_on_changes false", ""]))
        self.start()

    def start(self):
        self.starts += 1
        self.program = Program(["mosquitto", "-c", self.folder / "mosquitto.conf"], self.folder, name=f"mosquitto-{self.starts}")
        self.program.wait_for_log("running")

    def kill(self):
        self.program.kill()


class Subscriber:
    """A subscriber with one session for the whole run; keeps what came, in order."""

    def __init__(self, port):
        self.got = []
        self.client = paho_client("torture-subscriber")
        self.client.on_message = lambda _client, _data, message: self.got.append(message.payload)
        self.client.on_connect = lambda client, *_: client.subscribe("room/#", 1)
        self._subscribed = threading.Event()
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_disconnect = lambda *_: self._subscribed.clear()
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.wait()

    def wait(self):
        assert self._subscribed.wait(60), "the subscriber is not connected"

    def await_silence(self):
        """Waits until nothing comes for a while."""
        counts = []

        def silent():
            counts.append(len(self.got))
            return len(counts) > 10 and len(set(counts[-10:])) == 1

        wait_until(silent, 60, "nothing waits for the subscriber")

    def ready(self):
        return self._subscribed.is_set()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Run:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.chance = random.Random(arguments.seed)
        self.kills = Counter()
        self.lives = 0
        self.programs = Programs(folder / "programs", {})

    def start_downlink(self):
        env = {}
        if self.chance.random() < 0.4:
            env["ROOMSTREAM_FAILPOINT"] = f"{self.chance.choice(FAILPOINTS)}:{self.chance.randint(1, 400)}"
        self.lives += 1
        self.downlink = self.programs.start(
            "downlink", "-b", self.kafka.address, "-p", self.mosquitto.port, "-t", TOPIC, "-G", "torture", "--to", "room/{key}",
            "-q", self.arguments.qos, "--window", self.arguments.window, "--spool", self.folder / "spool", *QUICK, "--log-level", "info",
            env=env, label=f"downlink-{self.lives}")

    def revive(self):
        """Starts downlink again after a failpoint has killed it."""
        if not self.downlink.is_running():
            assert self.downlink.process.returncode == -signal.SIGKILL, self.downlink.stderr[-3000:]
            self.kills["downlink"] += 1
            self.start_downlink()

    # ---- faults ----

    def downlink_kill(self):
        if self.downlink.is_running():
            self.downlink.kill()
            self.kills["downlink"] += 1
        self.start_downlink()

    def mosquitto_kill(self):
        wait_until(self.subscriber.ready, 60, "the subscriber is back")
        if not self.downlink.is_running():
            return
        freeze(self.downlink.pid)
        try:
            self.subscriber.await_silence()
            self.mosquitto.kill()
            self.kills["mosquitto"] += 1
            self.mosquitto.start()
            wait_until(self.subscriber.ready, 60, "the subscriber is back")
        finally:
            self.downlink.send(signal.SIGCONT)

    def kafka_kill(self):
        self.kafka.kill()
        self.kills["kafka"] += 1
        time.sleep(self.chance.uniform(0, 2))
        self.kafka.start()

    def plan(self):
        faults = [self.downlink_kill] * 80 + [self.mosquitto_kill] * 15 + [self.kafka_kill] * 5
        while self.kills.total() < self.arguments.kills:
            yield self.chance.choice(faults)

    # ---- the run ----

    def produce(self):
        """Sends at the rate, in a thread of its own, numbers that rise for each key."""
        producer = Producer({"bootstrap.servers": self.kafka.address, "enable.idempotence": True, "message.timeout.ms": 600000, "log_level": 0})
        begin, number = time.monotonic(), 0
        while number < self.arguments.messages and not self.over.is_set():
            due = int((time.monotonic() - begin) * self.arguments.rate)
            for number in range(number, min(due, self.arguments.messages)):
                producer.produce(TOPIC, str(number), str(number % KEYS), partition=number % KEYS % PARTITIONS)
                self.sent = number + 1
            number = self.sent
            producer.poll(0.02)
        assert producer.flush(300) == 0

    def done(self):
        return len(set(self.subscriber.got)) >= self.sent and sum(
            committed(self.kafka.address, "torture", TOPIC, partition) or 0 for partition in range(PARTITIONS)) >= self.sent

    def play(self):
        self.sent, self.over = 0, threading.Event()
        create_topic(self.kafka.address, TOPIC, PARTITIONS)
        thread = threading.Thread(target=self.produce)
        self.start_downlink()
        thread.start()
        begin = time.monotonic()
        seconds = self.arguments.messages / self.arguments.rate
        for fault in self.plan():
            # The kills are spread over the run.
            time.sleep(self.chance.uniform(0, 2 * seconds / self.arguments.kills))
            fault()
            self.revive()
        self.over.set() if time.monotonic() - begin > 3 * seconds else None
        thread.join()
        end = time.monotonic() + 180
        while not self.done() and time.monotonic() < end:
            self.revive()
            time.sleep(0.5)
        self.downlink.stop()

    def account(self):
        got = [int(payload) for payload in self.subscriber.got]
        wanted, found = set(range(self.sent)), Counter(got)
        out_of_order = 0
        for key in range(KEYS):
            firsts = list(dict.fromkeys(number for number in got if number % KEYS == key))
            out_of_order += sum(later < earlier for earlier, later in zip(firsts, firsts[1:]))
        # A kill of Mosquitto takes the session, a kill of Kafka takes no commit that it had confirmed: each kill at most a window.
        return {"seed": self.arguments.seed, "qos": self.arguments.qos, "sent": self.sent, "kills": dict(self.kills), "lives": self.lives,
                "lost": len(wanted - found.keys()), "first_lost": sorted(wanted - found.keys())[:3], "doubled": sum(found.values()) - len(found), "bound": self.kills.total() * self.arguments.window,
                "out_of_order": out_of_order, "unknown": len(found.keys() - wanted)}

    def run(self):
        self.kafka = Broker("kafka", self.folder / "kafka")
        self.kafka.start()
        try:
            self.mosquitto = Mosquitto(self.folder / "mosquitto")
            self.subscriber = Subscriber(self.mosquitto.port)
            self.play()
            return self.account()
        finally:
            self.programs.end_all()
            self.mosquitto.kill()
            self.kafka.stop()


def main():
    parser = parser_of(__doc__, messages=100_000, kills=100)
    parser.add_argument("--downlink", action="store_true", required=True)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--window", type=int, default=500)
    parser.add_argument("--qos", type=int, choices=(1, 2), default=1)
    return torture(Run, parser.parse_args(), lambda result: (
        result["lost"] or result["unknown"] or result["out_of_order"] or result["doubled"] > result["bound"]))


if __name__ == "__main__":
    sys.exit(main())
