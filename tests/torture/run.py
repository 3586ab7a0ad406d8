"""One run: real brokers, bridge and publisher, faults as planned, and the outcome."""

import random
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import plan as planning
from bridges import Bridge
from brokers import Brokers
from clients import create_topic
from fake_clock import FakeClock
from faults import Faults, SmallDisk
from late import Lateness
from late_proxy import read_kafka, read_mqtt
from ledger import Ledger, Progress, merge, missing
from lives import Lives
from power_loss import PowerLoss
from preloading import FAIL_ALLOCATIONS, build
from programs import Programs
from proxy import Proxy
from publisher import KEYS, Publisher, expected
from refusal import Refusal
from waiting import wait_until

TOPIC = "torture"
# Two filters overlap in part: Mosquitto sends what both match twice.
ROUTES = (f"+/{KEYS[1]}={TOPIC}.{KEYS[1]}", f"{TOPIC}/{{key}}={TOPIC}.{{key}}")
PARTITIONS = 2
WINDOW = 1250
RECEIVE_MAXIMUM = {"at-least-once": 1000, "exactly-once": 20}
PATIENCE = 180  # seconds without anything new, and without a fault, after which the run ends
PACKET_IDS = 65535  # no broker can have more messages unacknowledged
BACKLOG_LIFE = 1.5  # mean seconds of a life while a backlog drains


@dataclass(frozen=True)
class Settings:
    mode: str
    kills: int
    messages: int
    rate: int
    seed: int
    kinds: tuple
    outage: tuple = None  # shortest and longest seconds of a fault
    backlog: bool = False
    receive_maximum: int = None  # None: the bridge's default
    routes: bool = False  # a topic for each key, by ROUTES

    def kafka_topics(self):
        return [f"{TOPIC}.{key}" for key in KEYS] if self.routes else [TOPIC]

    def seconds(self):
        return self.kills * BACKLOG_LIFE if self.backlog else self.messages / self.rate

    def unacknowledged(self):
        """The most messages that the MQTT broker has sent and not seen acknowledged. Mosquitto 2.0.11 keeps to a Receive Maximum
        other than 1 only where no backlog waits (docs/delivery.md)."""
        wanted = self.receive_maximum or RECEIVE_MAXIMUM[self.mode]
        return PACKET_IDS if self.backlog and wanted > 1 else wanted

    def plan(self):
        return planning.draw(self.seed, self.mode, self.kinds, self.kills, self.seconds(), self.rate, self.outage)


@dataclass
class Outcome:
    settings: Settings
    sent: int = 0
    delivered: int = 0   # different messages
    lost: list = field(default_factory=list)
    doubled: int = 0     # in one topic
    bound: int = 0       # of doubles
    again_bound: int = 0
    again: int = 0       # in a topic that was made after another one, which had them, vanished
    out_of_order: int = 0
    foreign: int = 0
    closing: dict = field(default_factory=dict)  # the bridge's own numbers
    faults: Counter = field(default_factory=Counter)
    late: Counter = field(default_factory=Counter)  # requests that arrived late, by kind
    kills: int = 0
    starved: int = 0     # of these, ended by itself without memory
    refused: int = 0     # starts of the bridge that a fault made impossible
    longest_stall: float = 0.0
    recovery: dict = field(default_factory=dict)   # by kind: greatest seconds from its end to the next new message
    idle_memory: int = 0
    highest_memory: int = 0
    cpu_in_faults: dict = field(default_factory=dict)  # by kind: greatest share of a CPU
    seconds: float = 0.0
    troubles: list = field(default_factory=list)

    def broken(self):
        """The parts of the promise that do not hold."""
        found = []
        if self.lost:
            found.append(f"{len(self.lost)} messages are lost, the first {', '.join(self.lost[:5])}")
        if self.doubled > self.bound:
            found.append(f"{self.doubled} doubles, at most {self.bound} are allowed")
        if self.again > self.again_bound:
            found.append(f"{self.again} are in a later topic again, at most {self.again_bound} are allowed")
        if self.out_of_order:
            found.append(f"{self.out_of_order} messages are out of order")
        if self.foreign:
            found.append(f"{self.foreign} records are not what was published")
        if self.closing and self.closing["spooled"]:
            found.append(f"{self.closing['spooled']} messages are still in the spool")
        if self.closing and self.closing["dead"]:
            found.append(f"{self.closing['dead']} messages are dead letters")
        return found + self.troubles


def _free_port():
    """A port below those of outgoing connections, which could take it before its server does."""
    for port in random.SystemRandom().sample(range(20000, 30000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no free port")


class Run:
    """Use it in a with block: after it only the folder is left."""

    def __init__(self, settings, folder, say):
        self.settings, self.folder, self.say = settings, folder, say
        self.outcome = Outcome(settings)
        self.plan = settings.plan()
        self._closers = []
        (folder / "plan").write_text("".join(line + "\n" for line in self.plan.lines()))

    def __enter__(self):
        try:
            self._set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        while self._closers:
            self._closers.pop()()

    def _set_up(self):
        kinds = self.settings.kinds
        released = threading.Event()
        self._closers.append(released.set)
        self.brokers = Brokers(self.folder / "brokers")
        env = {"MQTT_HOST": "127.0.0.1"}
        kafka_proxy = mqtt_proxy = disk = clock = power_loss = None
        preload = []
        # Where the bridge connects: the last of a chain of proxies, or the broker itself.
        kafka_listener = kafka_port = _free_port()
        self._kafka_late = self._mqtt_late = None
        if "late" in kinds:
            self._kafka_late = self._lateness(kafka_port, read_kafka)
            kafka_port = self._kafka_late.port
        if "kafka-drop" in kinds:
            kafka_proxy = Proxy(kafka_port)
            self._closers.append(kafka_proxy.close)
            kafka_port = kafka_proxy.port
        if kafka_port != kafka_listener:
            self.brokers.kafka.arguments = ("--kafka-proxied-port", f"{kafka_listener}:{kafka_port}")
        self._closers.append(lambda: self.brokers.__exit__())
        self.brokers.__enter__()
        mqtt_port = self.brokers.mqtt.port
        if "late" in kinds:
            self._mqtt_late = self._lateness(mqtt_port, read_mqtt)
            mqtt_port = self._mqtt_late.port
        if {"mqtt-cut", "mqtt-half-open"} & set(kinds):
            mqtt_proxy = Proxy(mqtt_port)
            self._closers.append(mqtt_proxy.close)
            mqtt_port = mqtt_proxy.port
        if "disk-full" in kinds:
            disk = SmallDisk(self.folder / "disk")
            self._closers.append(disk.close)
        if {"clock-back", "clock-ahead"} & set(kinds):
            clock = FakeClock(self.folder / "clock")
            env |= clock.env
            preload.append(clock.preload)
        if "power-loss" in kinds:
            power_loss = PowerLoss(self.folder, random.Random(self.settings.seed))
            self._closers.append(power_loss.close)
            env |= power_loss.env
            preload.append(power_loss.preload)
        env["LD_PRELOAD"] = ":".join(preload)
        if "failing-allocations" in kinds:
            preload.append(build(FAIL_ALLOCATIONS, self.folder))
        env["MQTT_PORT"] = str(mqtt_port)
        env["KAFKA_BOOTSTRAP_SERVERS"] = self.brokers.kafka.address if kafka_port == kafka_listener else f"127.0.0.1:{kafka_port}"

        programs = Programs(self.folder / "bridge", env)
        self._closers.append(programs.end_all)
        bridge = Bridge(programs, disk.folder if disk else self.folder, *self._bridge_options(), topic=TOPIC,
                        routes=ROUTES if self.settings.routes else ())
        refusal = Refusal(bridge, random.Random(self.settings.seed))
        self.lives = Lives(bridge, self.plan.lives, power_loss, refusal, preload,
                           lambda: disk is not None and disk.is_full(), released)
        self._closers.append(self.lives.halt)
        self.ledger = Ledger(self.brokers.kafka.address, self.settings.kafka_topics())
        self.publisher = Publisher(
            self.brokers.mqtt.port, TOPIC, self.settings.messages, 0 if self.settings.backlog else self.settings.rate,
            self.settings.routes)
        self._closers.append(self.publisher.close)
        self.faults = Faults(self.plan, self.brokers, kafka_proxy, mqtt_proxy, self._latenesses(), disk, clock, self.lives,
                             self.ledger, self.publisher, released)
        self._closers.append(self.faults.close)

    def _lateness(self, port, read):
        lateness = Lateness(port, read, random.Random(self.settings.seed))
        self._closers.append(lateness.close)
        return lateness

    def _latenesses(self):
        return [lateness for lateness in (self._kafka_late, self._mqtt_late) if lateness]

    def _bridge_options(self):
        options = [
            "--delivery", self.settings.mode, "--window", WINDOW, "--partitions", PARTITIONS,
            "--receive-maximum", self.settings.receive_maximum or RECEIVE_MAXIMUM[self.settings.mode],
            "--segment-size", "256K",  # so that segments begin and end all the time
            "--keepalive", "5s",
        ]
        if "spool-max" in self.settings.kinds:
            options += ["--spool-max", "256K"]
        if "power-loss" in self.settings.kinds:
            options += ["--sync", "always"]
        if "late" in self.settings.kinds:
            options += ["-X", "reconnect.backoff.max.ms=200"]  # each one costs a connection
        return options

    def go(self):
        """Runs it to its end and returns the outcome."""
        for topic in self.settings.kafka_topics():
            create_topic(self.brokers.kafka.address, topic, PARTITIONS)
        self.lives.make_session()
        begin = time.monotonic()
        progress = Progress(self.brokers.kafka.address, self.ledger, lambda: self.publisher.acknowledged)
        self._closers.append(progress.close)
        self.publisher.start()
        if self.settings.backlog:
            self._await_publisher()
        self.lives.start()
        self.faults.start()
        self._await_publisher()
        wait_until(lambda: self.faults.over() and self.lives.exhausted.is_set(),
                   self.settings.seconds() * 3 + 600, "the planned faults are made")
        wait_until(lambda: all(lateness.settled() for lateness in self._latenesses()), 180, "what is late arrives")
        self._drain(progress)
        self.outcome.closing = self.lives.close()
        self.outcome.seconds = time.monotonic() - begin
        self._account(progress)
        return self.outcome

    def _await_publisher(self):
        """Waits as long as it makes progress."""
        publisher, last, since = self.publisher, -1, time.monotonic()
        next_word = since + 30
        while not publisher.done():
            time.sleep(0.1)
            now = time.monotonic()
            if publisher.acknowledged != last or publisher.is_away():
                last, since = publisher.acknowledged, now
            assert now - since < PATIENCE, f"the MQTT broker takes no messages any more after {last}"
            if now > next_word:
                next_word = now + 30
                self.say(f"{last} messages sent, the bridge was killed {self.lives.kills()} times")

    def _drain(self, progress):
        """Waits until all is in Kafka, or until there is nothing new for long."""
        self.say(f"all {self.publisher.acknowledged} messages sent, {progress.distinct} of them are in Kafka")
        begin = time.monotonic()
        while progress.distinct < self.settings.messages:
            time.sleep(0.1)
            if time.monotonic() - max(begin, progress.last_arrival()) > PATIENCE:
                self.outcome.troubles.append(f"nothing new arrives in Kafka for {PATIENCE} s")
                break

    def _account(self, progress):
        outcome, (counts, seen, outcome.again) = self.outcome, self.ledger.account()
        outcome.sent = self.publisher.acknowledged
        outcome.delivered = sum(map(len, seen.values()))
        merge(seen, self.ledger.open)
        outcome.lost = missing(expected(outcome.sent), seen)
        outcome.doubled = sum(count.records - count.foreign - count.distinct() for count in counts)
        outcome.out_of_order = sum(count.out_of_order for count in counts)
        outcome.foreign = sum(count.foreign for count in counts)
        outcome.kills, outcome.starved, outcome.refused = self.lives.kills(), self.lives.starved, self.lives.refused
        outcome.faults = self.lives.ended + Counter(done.kind for done in self.faults.done)
        outcome.late = sum((lateness.arrived for lateness in self._latenesses()), Counter())
        outcome.bound = self._bound()
        # What is in a vanished topic without the bridge knowing it yet; exactly once, that of one transaction.
        outcome.again_bound = WINDOW * len(self.ledger.closed)
        outcome.longest_stall = progress.longest_stall
        outcome.idle_memory, outcome.highest_memory = self.lives.idle_memory, self.lives.highest_memory()
        outcome.troubles += self.lives.troubles + self.faults.troubles
        for done in self.faults.done:
            arrival = progress.first_arrival_after(done.end)
            if arrival is not None and not self._another_fault(done, arrival):
                outcome.recovery[done.kind] = max(outcome.recovery.get(done.kind, 0), arrival - done.end)
            share = self.lives.cpu_share(done.begin, done.end)
            if share is not None:
                outcome.cpu_in_faults[done.kind] = max(outcome.cpu_in_faults.get(done.kind, 0), share)

    def _another_fault(self, done, until):
        """Whether the recovery after a fault may have been delayed by another one."""
        return any(other is not done and other.begin < until and other.end > done.end for other in self.faults.done)

    def _bound(self):
        """A kill doubles at most what was in flight on both sides, a lost MQTT connection what was on that side. Each MQTT packet
        that is late costs its own connection, and may cost another one: a CONNECT takes the session over when it arrives."""
        if self.settings.mode == "exactly-once":
            return 0
        unacknowledged = self.settings.unacknowledged()
        lost_connections = sum(self.outcome.faults[kind] for kind in (*planning.PLACES["mqtt"], *planning.FREEZING))
        if self._mqtt_late:
            lost_connections += 2 * self._mqtt_late.held
        return self.outcome.kills * (WINDOW + unacknowledged) + lost_connections * unacknowledged
