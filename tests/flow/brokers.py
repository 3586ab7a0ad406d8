"""A private Mosquitto and a private Kafka, each one started by scripts/brokers.sh on a free port, so that each can be
stopped, killed, frozen and started again alone."""

import os
import re
import shutil
import signal

from hivemq import HiveMQ
from programs import ROOT, Program, freeze
from waiting import wait_until

MQTT_BROKER = os.environ.get("ROOMSTREAM_TEST_BROKER", "mosquitto")


class Broker:
    """One broker. Its port and data stay the same over every restart."""

    def __init__(self, kind, state, arguments=()):
        """kind: 'mqtt' or 'kafka'; state: the folder for data and logs."""
        self.kind = kind
        self.state = state
        self.arguments = arguments
        self.port = 0
        self.script = None

    def start(self, limit=120):
        """Starts it and returns when it answers."""
        self.script = Program(
            [ROOT / "scripts" / "brokers.sh", "--state", self.state, f"--{self.kind}-port", self.port, *self.arguments],
            self.state, name=f"brokers-{self.kind}",
        )

        def ready():
            assert self.script.is_running(), self.script.stderr
            return re.search(rb"^ready \w+=127\.0\.0\.1:(\d+)\n", self.script.stdout)

        self.port = int(wait_until(ready, limit, lambda: f"{self.kind} broker is ready; {self.script.stderr}").group(1))
        return self

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def folder(self):
        return self.state / {"mqtt": "mosquitto", "kafka": "kafka"}[self.kind]

    @property
    def pid(self):
        """The broker's own process id."""
        return int((self.folder / "pid").read_text())

    def stop(self):
        """Stops it by SIGTERM; does nothing if it does not run."""
        if self.script is not None and self.script.is_running():
            assert self.script.stop(60) == 0, self.script.stderr

    def kill(self):
        """Ends it by SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)
        self.script.wait()

    def freeze(self):
        freeze(self.pid)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def wipe(self):
        """Removes the data of a Kafka that does not run: at its next start it is another, empty cluster."""
        shutil.rmtree(self.folder / "data")

    def restart(self):
        self.stop()
        return self.start()


def mqtt_broker(state):
    """A private MQTT broker: Mosquitto, or what ROOMSTREAM_TEST_BROKER names."""
    return {"mosquitto": lambda: Broker("mqtt", state), "hivemq": lambda: HiveMQ(state)}[MQTT_BROKER]()


class Brokers:
    """Both brokers. They end with the with block."""

    def __init__(self, state):
        self.mqtt = mqtt_broker(state)
        self.kafka = Broker("kafka", state)

    def __enter__(self):
        try:
            self.mqtt.start()
            self.kafka.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.mqtt.stop()
        finally:
            self.kafka.stop()

    @property
    def env(self):
        """The environment variables that tell our programs the addresses."""
        return {
            "MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(self.mqtt.port), "KAFKA_BOOTSTRAP_SERVERS": self.kafka.address,
        }
