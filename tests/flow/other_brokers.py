"""The MQTT brokers that the matrix is run on, all with one interface, and Kafka brokers that are not the private one of
scripts/brokers.sh. Each takes anybody, and keeps its data in a folder of its own over a restart, as far as it can."""

import functools
import os
import re
import socket
import subprocess

import pytest
from certificates import openssl
from jars import jars
from kafka_nodes import Node, await_brokers
from ports import free_ports
from programs import ROOT, Program
from waiting import wait_until

_FETCH = """set -euo pipefail
for part in common process other_brokers; do . "scripts/lib/$part.sh"; done
fetch_other_broker "$1" >&2
printf %s "$other_brokers/$1"
"""


@functools.cache
def fetched(name):
    """The folder of a broker of tests/brokers, which is fetched if it is not there; without it the test is skipped."""
    command = ["bash", "-c", _FETCH, "brokers", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    return ROOT / done.stdout if done.returncode == 0 else done.stderr.strip()


def folder_of(name):
    folder = fetched(name)
    if isinstance(folder, str):
        pytest.skip(folder)
    return folder


def takes_connections(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A server on .port and, with TLS, on .tls_port."""

    version = "5"  # of MQTT, the newest that it speaks

    def __init__(self, folder, identity):
        """identity: certificate and key."""
        folder.mkdir(parents=True)
        self.folder = folder
        self.certificate, self.key = identity
        self.port, self.tls_port = free_ports(2)
        self.starts = 0
        self.process = None

    def start(self, limit=300):
        """Starts it and returns when it answers."""
        self.starts += 1
        self.process = Program(["env", "-C", self.folder, *self.command()], self.folder, name=f"{type(self).__name__}-{self.starts}")

        def ready():
            assert self.process.is_running(), self.process.stderr + self.process.stdout.decode(errors="replace")[-3000:]
            return all(takes_connections(port) for port in (self.port, self.tls_port))

        wait_until(ready, limit, lambda: f"{type(self).__name__} is ready; {self.process.stderr[-3000:]}")
        return self

    def restart(self):
        """Stops it by SIGTERM."""
        self.process.stop(60)
        return self.start()

    def kill(self):
        if self.process:
            self.process.kill()

    def keystore(self):
        """The identity as Java servers want it; the password is 'password'."""
        store = self.folder / "identity.p12"
        openssl("pkcs12", "-export", "-in", self.certificate, "-inkey", self.key, "-out", store, "-passout", "pass:password")
        return store


def mosquitto_version():
    """The version that this system has, such as '2.0.11'."""
    text = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout
    return re.search(r"version (\d+\.\d+\.\d+)", text).group(1)


class Mosquitto(Server):
    """With the settings of config/mosquitto.conf."""

    def command(self):
        (self.folder / "data").mkdir(exist_ok=True)
        settings = (ROOT / "config" / "mosquitto.conf").read_text()
        listeners = (f"\nlistener {self.port} 127.0.0.1\nlistener {self.tls_port} 127.0.0.1\n"
                     f"certfile {self.certificate}\nkeyfile {self.key}\n")
        (self.folder / "mosquitto.conf").write_text(settings + listeners)
        return ["mosquitto", "-c", "mosquitto.conf"]


class HiveMQ(Server):
    def command(self):
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", *os.environ.get("KAFKA_OPTS", "").split(), "-cp", f"{jars('hivemq')}/*",
                ROOT / "tests" / "hivemq" / "Hive.java", self.folder, self.port, self.tls_port, self.keystore()]


class Moquette(Server):
    version = "3.1.1"

    def command(self):
        store = self.keystore()
        (self.folder / "config").mkdir(exist_ok=True)
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "config" / "moquette.conf").write_text(f"""\
host 127.0.0.1
port {self.port}
ssl_port {self.tls_port}
jks_path {store}
key_store_type pkcs12
key_store_password password
key_manager_password password
allow_anonymous true
telemetry_enabled false
persistence_enabled true
persistent_queue_type segmented
data_path data/
buffer_flush_millis 0
""")
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", *os.environ.get("KAFKA_OPTS", "").split(),
                f"-Dmoquette.path={self.folder}", "-cp", f"{folder_of('moquette')}/*", "io.moquette.broker.Server"]


class Aedes(Server):
    version = "3.1.1"

    def command(self):
        # node looks for modules beside the script.
        return ["node", folder_of("aedes") / "broker.js", self.port, self.tls_port, self.certificate, self.key, self.folder / "data"]


class Mochi(Server):
    def command(self):
        return [folder_of("mochi") / "mochi", self.port, self.tls_port, self.certificate, self.key, self.folder]


class Rumqttd(Server):
    def command(self):
        source = folder_of("rumqttd")
        text = (source / "rumqttd.toml").read_text()
        for name, value in {"port": self.port, "tls_port": self.tls_port, "certificate": self.certificate, "key": self.key}.items():
            text = text.replace("{" + name + "}", str(value))
        (self.folder / "rumqttd.toml").write_text(text)
        return [source / "bin" / "rumqttd", "-c", "rumqttd.toml"]


class KafkaNode:
    """Apache Kafka; jars: whose (kafka_nodes.java)."""

    def __init__(self, folder, kafka):
        self.port, controller = free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        self.node = Node(folder, 1, {
            "listeners": f"CLIENT://{self.address},CONTROLLER://127.0.0.1:{controller}", "advertised.listeners": f"CLIENT://{self.address}",
        }, {1: controller}, kafka)

    def start(self):
        self.node.start()
        await_brokers(self.address, 1, 300)
        return self

    def restart(self):
        self.node.process.stop(60)
        return self.start()

    def kill(self):
        self.node.kill()


class Kfake:
    def __init__(self, folder):
        self.folder = folder
        self.port, = free_ports(1)
        self.address = f"127.0.0.1:{self.port}"
        self.starts = 0
        self.process = None

    def start(self):
        self.starts += 1
        self.process = Program([folder_of("kfake") / "kfake", self.port, self.folder / "data"], self.folder, name=f"kfake-{self.starts}")
        await_brokers(self.address, 1, 300)
        return self

    def restart(self):
        self.process.stop(60)
        return self.start()

    def kill(self):
        if self.process:
            self.process.kill()
