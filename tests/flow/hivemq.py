"""HiveMQ Community Edition in place of the private Mosquitto: flow tests take it when ROOMSTREAM_TEST_BROKER is hivemq."""

import os
import signal

from jars import jars
from ports import free_port
from programs import ROOT, Program, freeze
from waiting import wait_until


class HiveMQ:
    """Like brokers.Broker. Its port and data stay the same over every restart."""

    def __init__(self, state):
        self.state = state / "hivemq"
        self.port = 0
        self.process = None
        self.starts = 0

    def start(self, limit=120):
        """Starts it and returns when it answers."""
        self.starts += 1
        self.port = self.port or free_port()
        command = [
            "java", "-Xmx512m", "-XX:+UseSerialGC", *os.environ.get("KAFKA_OPTS", "").split(), "-cp", f"{jars('hivemq')}/*",
            ROOT / "tests" / "hivemq" / "Hive.java", self.state, self.port]
        self.process = Program(command, self.state, name=f"hivemq-{self.starts}")

        def ready():
            assert self.process.is_running(), self.process.stderr
            return b"\nready\n" in self.process.stdout

        wait_until(ready, limit, lambda: f"HiveMQ is ready; {self.process.stdout[-3000:]}")
        return self

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        """Stops it by SIGTERM; does nothing if it does not run."""
        if self.process is not None and self.process.is_running():
            self.process.stop(60)

    def kill(self):
        """Ends it by SIGKILL."""
        self.process.kill()

    def freeze(self):
        freeze(self.pid)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def restart(self):
        self.stop()
        return self.start()
