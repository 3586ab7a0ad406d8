"""A Kafka of three nodes, which are killed one after the other under load: nothing is lost, and exactly once nothing is doubled."""

import threading

import pytest
from bridges import Bridge, numbers
from clients import MqttClient, read_topic, topic_partitions
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from kafka_nodes import Cluster
from programs import Programs
from waiting import wait_until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster")) as three:
        yield three


@pytest.fixture
def programs(tmp_path, mqtt, cluster):
    env = {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(mqtt.port), "KAFKA_BOOTSTRAP_SERVERS": cluster.address}
    started = Programs(tmp_path / "programs", env)
    yield started
    started.end_all()


class Load(threading.Thread):
    """Publishes numbers from 1 on to several topics until it is stopped; published is the greatest."""

    def __init__(self, port, topics):
        super().__init__(daemon=True)
        self._port, self._topics = port, topics
        self._stopped = threading.Event()
        self.published = 0

    def run(self):
        with MqttClient(self._port) as client:
            infos = []
            while not self._stopped.wait(0.02):
                self.published += 1
                infos += [client.publish(topic, str(self.published).encode(), 2) for topic in self._topics]
            for info in infos:
                client.published(info)

    def stop(self):
        self._stopped.set()
        self.join(60)
        assert not self.is_alive()


class Follower:
    """Reads a topic of three partitions from its beginning, also while their leaders change."""

    def __init__(self, address, topic):
        self._found = []
        self._consumer = Consumer({
            "bootstrap.servers": address, "group.id": "follower", "enable.auto.commit": False, "isolation.level": "read_committed",
            "reconnect.backoff.max.ms": 500, "topic.metadata.refresh.interval.ms": 1000, "log_level": 0,
        })
        self._consumer.assign([TopicPartition(topic, id_, OFFSET_BEGINNING) for id_ in range(3)])

    def numbers(self):
        """All that was found so far."""
        self._found += [int(message.value()) for message in self._consumer.consume(5000, 0.3) if message.error() is None]
        return self._found

    def close(self):
        self._consumer.close()


def test_one_node_after_the_other_is_killed(cluster, mqtt, programs, tmp_path):
    modes = ("at-least-once", "exactly-once")
    bridges = [Bridge(programs, tmp_path, "--delivery", mode, "--partitions", "3", topic=f"cluster-{mode}").start() for mode in modes]
    for bridge in bridges:
        wait_until(lambda: topic_partitions(cluster.address, bridge.topic) == [0, 1, 2], 60, f"{bridge.topic} has three partitions")
    followers = [Follower(cluster.address, bridge.topic) for bridge in bridges]
    load = Load(mqtt.port, [bridge.topic for bridge in bridges])
    load.start()
    try:
        for node in cluster.nodes.values():
            node.kill()
            goal = load.published + 50  # from now on messages can only arrive through the other two
            for follower in followers:
                wait_until(lambda: max(follower.numbers(), default=0) >= goal, 90, f"messages go on without node {node.number}")
            node.start()
            for bridge in bridges:
                wait_until(lambda: cluster.in_sync(bridge.topic) == {1, 2, 3}, 90, f"node {node.number} has caught up")
        load.stop()
        expected = list(range(1, load.published + 1))
        for bridge, follower in zip(bridges, followers):
            wait_until(lambda: len(set(follower.numbers())) == len(expected), 60, f"everything of {bridge.topic}")
            # The bridge was not killed, and idempotence survives a change of leaders: nothing is doubled at least once either.
            assert bridge.stop() == {"received": load.published, "delivered": load.published, "spooled": 0, "dead": 0}
            assert sorted(numbers(read_topic(cluster.address, bridge.topic))) == expected
    finally:
        load.stop()
        for follower in followers:
            follower.close()
