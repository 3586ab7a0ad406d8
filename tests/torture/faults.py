"""Makes the faults, except for the end of the bridge (see lives.py)."""

import subprocess
import threading
import time
from dataclasses import dataclass

from clients import delete_topic, topic_partitions
from waiting import wait_until


@dataclass
class Done:
    """A fault that was made. begin and end are monotonic seconds."""
    kind: str
    begin: float
    end: float


class SmallDisk:
    """A tmpfs for the spool, in the mount namespace of this process (scripts/torture.sh makes one): it ends with the process."""

    def __init__(self, folder, size="32m"):
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)

    def fill(self):
        """Fills all that is free now."""
        with open(self._filler, "ab", buffering=0) as filler:
            block = 1 << 20
            while block:
                try:
                    filler.write(b"\0" * block)
                except OSError:
                    block //= 2

    def free(self):
        self._filler.unlink(missing_ok=True)

    def is_full(self):
        return self._filler.exists()

    def close(self):
        subprocess.run(["umount", "--lazy", self.folder], check=False)


class Faults:
    """Makes the plan's faults, those of one place one after the other in a thread of its own, from start() on.

    A broker ends with the thread that started it (see programs.tied), so the threads stay until released is set."""

    def __init__(self, plan, brokers, kafka_proxy, mqtt_proxy, late, disk, clock, lives, ledger, publisher, released):
        """late: a Lateness for each broker."""
        self.done = []
        self.troubles = []
        self._brokers, self._kafka_proxy, self._mqtt_proxy = brokers, kafka_proxy, mqtt_proxy
        self._latenesses, self._disk, self._clock, self._lives, self._ledger = late, disk, clock, lives, ledger
        self._publisher = publisher
        self._over = threading.Event()
        self._begin = 0.0
        self._released = released
        self._ended = {place: threading.Event() for place in plan.faults}
        self._threads = [threading.Thread(target=self._run, args=item, daemon=True) for item in plan.faults.items()]

    def start(self):
        self._begin = time.monotonic()
        for thread in self._threads:
            thread.start()

    def over(self):
        return all(ended.is_set() for ended in self._ended.values())

    def close(self):
        """Ends the present fault, if there is one."""
        self._over.set()
        if self._begin:
            wait_until(self.over, 150, "the last faults end")

    def _run(self, place, faults):
        self._strike(faults)
        self._ended[place].set()
        self._released.wait()

    def _strike(self, faults):
        for fault in faults:
            if self._over.wait(max(0.0, self._begin + fault.at - time.monotonic())):
                return
            begin = time.monotonic()
            try:
                getattr(self, "_" + fault.kind.replace("-", "_"))(fault.length)
            except Exception as error:  # whatever it is, the run must end and report it
                self.troubles.append(f"the harness could not do {fault.kind}: {error!r}")
                return
            self.done.append(Done(fault.kind, begin, time.monotonic()))

    def _pause(self, seconds):
        self._over.wait(seconds)

    # ---- Kafka ----

    def _kafka_kill(self, length):
        self._brokers.kafka.kill()
        self._pause(length)
        self._brokers.kafka.start()

    def _kafka_term(self, length):
        self._brokers.kafka.stop()
        self._pause(length)
        self._brokers.kafka.start()

    def _kafka_stop(self, length):
        self._brokers.kafka.freeze()
        try:
            self._pause(length)
        finally:
            self._brokers.kafka.thaw()

    def _kafka_drop(self, length):
        self._kafka_proxy.go_silent()
        try:
            self._pause(length)
        finally:
            self._kafka_proxy.speak_again()

    def _spool_max(self, _length):
        """Kafka is away until the spool is at its bound."""
        self._brokers.kafka.stop()
        try:
            wait_until(lambda: self._over.is_set() or self._lives.says("near its limit"), 120, "the spool is near its limit")
        finally:
            self._brokers.kafka.start()

    def _await_topic(self):
        """Waits for a topic that can vanish: the one before may have vanished a moment ago."""
        address, (topic,) = self._brokers.kafka.address, self._ledger.topics
        wait_until(lambda: self._over.is_set() or topic_partitions(address, topic), 120, f"the topic {topic} is there")

    def _topic_vanish(self, _length):
        self._await_topic()
        if self._over.is_set():
            return
        with self._lives.frozen():
            self._ledger.close_volume()
            delete_topic(self._brokers.kafka.address, *self._ledger.topics)
            self._ledger.vanished += 1

    def _cluster_vanish(self, length):
        self._await_topic()
        if self._over.is_set():
            return
        with self._lives.frozen():
            self._ledger.close_volume()
            self._brokers.kafka.kill()
        self._brokers.kafka.wipe()
        self._pause(length)
        self._brokers.kafka.start()
        self._ledger.vanished += 1

    # ---- MQTT ----

    def _mosquitto_restart(self, _length):
        self._brokers.mqtt.restart()

    def _grants_less(self, length):
        """The publisher, which needs QoS 2, waits for the end of this fault elsewhere."""
        with self._publisher.away():
            self._brokers.mqtt.arguments = ("--mqtt-max-qos", 0)
            self._brokers.mqtt.restart()
            try:
                wait_until(lambda: self._over.is_set() or self._lives.says("grants QoS 0 .* where .* is needed"), 120,
                           "the bridge says that it is granted less")
                self._pause(length)
            finally:
                self._brokers.mqtt.arguments = ()
                self._brokers.mqtt.restart()

    def _mqtt_cut(self, _length):
        self._mqtt_proxy.cut()

    def _mqtt_half_open(self, length):
        self._mqtt_proxy.go_silent()
        try:
            self._pause(length)
        finally:
            self._mqtt_proxy.speak_again()

    # ---- the way to both ----

    def _late(self, length):
        for lateness in self._latenesses:
            lateness.begin()
        self._pause(length)
        for lateness in self._latenesses:
            lateness.end()

    # ---- the bridge's machine ----

    def _disk_full(self, length):
        """Also fills the space that the spool frees when messages are delivered."""
        end = time.monotonic() + length
        try:
            while time.monotonic() < end and not self._over.wait(0.02):
                self._disk.fill()
        finally:
            self._disk.free()

    def _clock_back(self, length):
        self._clock.set(-24 * 3600)
        self._pause(length)
        self._clock.set(0)

    def _clock_ahead(self, length):
        self._clock.set(2 * 3600)
        self._pause(length)
        self._clock.set(0)
