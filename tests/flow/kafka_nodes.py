"""Kafka nodes with settings of their own, for what the private single broker of scripts/brokers.sh does not do: several of
them, listeners with TLS and logins, access control."""

import os
import subprocess

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from jars import jars
from ports import free_ports
from programs import ROOT, Program
from waiting import wait_until

HOST = "127.0.0.1"


def java(*arguments, heap="256m", kafka="kafka"):
    """A command line that runs a class, or a source file, with the classes of 'kafka' or 'old_kafka' at hand."""
    log = f"-Dlog4j2.configurationFile={ROOT / 'config' / 'kafka' / 'log4j2.xml'}"
    return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", *os.environ.get("KAFKA_OPTS", "").split(), log, "-cp", f"{jars(kafka)}/*", *arguments]


class Node:
    """A node that is broker and controller. Its data and port stay the same over every restart."""

    def __init__(self, folder, number, properties, voters, kafka="kafka"):
        """properties: added to those of config/kafka/server.properties, or replacing them. voters: the controllers' ports by node. kafka:
        whose jars (java)."""
        folder.mkdir(parents=True)
        self.folder, self.number, self.kafka, self.starts = folder, number, kafka, 0
        self.process = None
        properties = {
            "node.id": number, "controller.quorum.voters": ",".join(f"{id_}@{HOST}:{port}" for id_, port in voters.items()),
            # A third of the default memory and threads.
            "log.cleaner.dedupe.buffer.size": 2 * 1024 * 1024, "num.network.threads": 2, "num.io.threads": 4, **properties,
        }
        base = (ROOT / "config" / "kafka" / "server.properties").read_text()
        (folder / "server.properties").write_text(base + "\n" + "".join(f"{name}={value}\n" for name, value in properties.items()))
        # It only has to be the same for all nodes.
        cluster = "r" + "0" * 21
        subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", "server.properties"),
            cwd=folder, check=True, capture_output=True, timeout=120)

    def _java(self, *arguments):
        return java(*arguments, kafka=self.kafka)

    def start(self):
        self.starts += 1
        command = ["env", "-C", self.folder, *self._java("kafka.Kafka", "server.properties")]
        self.process = Program(command, self.folder, name=f"kafka-{self.starts}")
        return self

    def kill(self):
        """Ends it by SIGKILL."""
        self.process.kill()

    def log(self):
        return (self.folder / "log" / "server.log").read_text(errors="replace")


def await_brokers(address, count, limit=90):
    """Waits until a cluster says that it has that many brokers."""

    def all_there():
        try:
            return len(AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=3).brokers) == count
        except KafkaException:
            return False

    wait_until(all_there, limit, f"{count} Kafka brokers at {address}")


class Cluster:
    """Three nodes, each message on all of them, two of which must have it. Use it in a with block."""

    def __init__(self, folder):
        clients, controllers = free_ports(3), free_ports(3)
        voters = dict(zip((1, 2, 3), controllers))
        self.address = ",".join(f"{HOST}:{port}" for port in clients)
        replicated = {
            "default.replication.factor": 3, "min.insync.replicas": 2, "offsets.topic.replication.factor": 3,
            "transaction.state.log.replication.factor": 3, "transaction.state.log.min.isr": 2,
        }
        self.nodes = {
            number: Node(folder / f"node-{number}", number, {
                "listeners": f"CLIENT://{HOST}:{port},CONTROLLER://{HOST}:{voters[number]}",
                "advertised.listeners": f"CLIENT://{HOST}:{port}", **replicated,
            }, voters)
            for number, port in zip((1, 2, 3), clients)
        }

    def __enter__(self):
        try:
            for node in self.nodes.values():
                node.start()
            await_brokers(self.address, 3)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes.values():
            if node.process:
                node.kill()

    def in_sync(self, topic):
        """The numbers of the nodes that have everything of every partition."""
        try:
            metadata = AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=5)
        except KafkaException:
            return set()
        return set.intersection(*(set(partition.isrs) for partition in metadata.topics[topic].partitions.values()))
