"""A broker that closes idle connections: nothing is logged, unless the broker does not come back."""

import os
import time

import pytest
from bridges import Bridge, publish_numbers, wait_in_log
from clients import MqttClient, create_topic, wait_for_messages
from kafka_nodes import HOST, Node, await_brokers
from ports import free_ports
from programs import BIN, Programs
from scrape import address_of, request
from waiting import wait_until

IDLE_MS = 2000  # ms, the smallest with which Kafka itself still works well


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    """Its address, and the node."""
    client, controller = free_ports(2)
    node = Node(tmp_path_factory.mktemp("kafka") / "node", 1, {
        "listeners": f"CLIENT://{HOST}:{client},CONTROLLER://{HOST}:{controller}", "advertised.listeners": f"CLIENT://{HOST}:{client}",
        "listener.name.client.connections.max.idle.ms": IDLE_MS, "connections.max.idle.ms": IDLE_MS,
    }, {1: controller})
    node.start()
    try:
        await_brokers(f"{HOST}:{client}", 1)
        yield f"{HOST}:{client}", node
    finally:
        node.kill()


@pytest.fixture
def programs(tmp_path, mqtt, kafka):
    started = Programs(tmp_path / "programs", {
        "MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(mqtt.port), "KAFKA_BOOTSTRAP_SERVERS": kafka[0]})
    yield started
    started.end_all()


@pytest.fixture
def open_pipe(tmp_path):
    """One into which nothing is written."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    yield path
    os.close(end)


def test_an_idle_connection_that_is_closed_is_nothing_to_say(kafka, programs, mqtt, tmp_path, open_pipe):
    address, node = kafka
    for topic in ("consumed", "produced"):
        create_topic(address, topic)
    bridges = [Bridge(programs, tmp_path, "--delivery", mode, "--http", "0", topic=f"idle-{mode}").start()
               for mode in ("at-least-once", "exactly-once")]
    clients = [programs.start("kafka-consume", "-t", "consumed"), programs.start("kafka-consume", "-t", "consumed", "-G", "idle"),
               programs.start("/bin/bash", "-c", 'exec "$0" -t produced <"$1"', BIN / "kafka-produce", open_pipe, label="producer")]
    with MqttClient(mqtt.port) as publisher:
        for bridge in bridges:
            publish_numbers(publisher, bridge.topic, 1, 10, qos=2)
            wait_for_messages(address, bridge.topic, 10)
    addresses = [address_of(bridge) for bridge in bridges]

    def ready():
        return [request(one, "/readyz") for one in addresses]

    wait_until(lambda: all(answer.status == 200 for answer in ready()), 30, lambda: [answer.text for answer in ready()])
    end = time.monotonic() + 5 * IDLE_MS / 1000
    while time.monotonic() < end:
        for answer in ready():
            assert answer.status == 200, answer.text
        time.sleep(0.02)
    everyone = [*(bridge.program for bridge in bridges), *clients]
    for program in everyone:
        assert program.is_running()
        assert "warning" not in program.stderr, (program.name, program.stderr)

    node.kill()
    for program in everyone:
        wait_in_log(program, "warning: .*Connection refused")
    wait_until(lambda: all(answer.status == 503 for answer in ready()), 30, "both say that they are not ready")
