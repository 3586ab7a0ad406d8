"""kafka-consume -L: what kcat -L shows, and an error where kcat shows nothing."""

import json
import os
import socket
import subprocess
import threading
import time

import pytest
from clients import create_topic
from confluent_kafka.admin import AdminClient
from programs import BIN, tied
from waiting import wait_until


@pytest.fixture(scope="module")
def topics(brokers):
    names = ["one", "three"]
    create_topic(brokers.kafka.address, "one")
    create_topic(brokers.kafka.address, "three", partitions=3)
    # The broker learns of a new topic a moment after the controller has made it.
    admin = AdminClient({"bootstrap.servers": brokers.kafka.address})
    wait_until(lambda: set(names) <= set(admin.list_topics(timeout=10).topics), 10, "the topics are known")
    return names


@pytest.fixture
def listed(brokers):
    """Runs kafka-consume -L to its end."""

    def run(*arguments, status=0, **options):
        options = {"stdout": subprocess.PIPE, **options}
        result = subprocess.run(tied([BIN / "kafka-consume", "-L", *arguments]), stderr=subprocess.PIPE, timeout=30, text=True,
                                stdin=subprocess.DEVNULL, env={**os.environ, **brokers.env}, check=False, **options)
        assert result.returncode == status, result.stderr
        return result

    return run


def kcat(brokers, *arguments):
    return subprocess.run(["kcat", "-b", brokers.kafka.address, "-L", *arguments], check=True, capture_output=True, timeout=30,
                          text=True).stdout


@pytest.mark.parametrize("arguments", [(), ("-t", "three")], ids=["all", "one topic"])
def test_text_is_that_of_kcat(brokers, topics, listed, arguments):
    printed = listed(*arguments).stdout
    assert "topic \"three\" with 3 partitions:\n    partition 0, leader 1, replicas: 1, isrs: 1\n" in printed
    assert "(controller)\n" in printed
    assert sorted(printed.split("\n  topic ")) == sorted(kcat(brokers, *arguments).split("\n  topic "))


@pytest.mark.parametrize("arguments", [(), ("-t", "three")], ids=["all", "one topic"])
def test_json_is_that_of_kcat(brokers, topics, listed, arguments):
    ours, theirs = (json.loads(text) for text in (listed("-J", *arguments).stdout, kcat(brokers, "-J", *arguments)))
    del theirs["query"]
    for side in (ours, theirs):
        side["topics"].sort(key=lambda topic: topic["topic"])
    assert ours == theirs
    assert ours["topics"][-1] == {"topic": "three", "partitions": [
        {"partition": n, "leader": 1, "replicas": [{"id": 1}], "isrs": [{"id": 1}]} for n in range(3)]}


def test_several_topics_and_one_that_is_missing(brokers, topics, listed):
    result = listed("-t", "one", "-t", "three", "-t", "missing", status=1)
    assert "Metadata for one, three, missing (" in result.stdout and " 3 topics:" in result.stdout
    assert 'topic "missing" with 0 partitions: Broker: Unknown topic or partition' in result.stdout
    assert "topic 'missing': Broker: Unknown topic or partition" in result.stderr
    assert "missing" not in AdminClient({"bootstrap.servers": brokers.kafka.address}).list_topics(timeout=10).topics
    [topic] = json.loads(listed("-t", "missing", "--json", status=1).stdout)["topics"]
    assert topic == {"topic": "missing", "error": "Broker: Unknown topic or partition", "partitions": []}


def test_a_full_disk_is_said(listed, topics):
    with open("/dev/full", "w", encoding="utf-8") as full:
        assert "cannot write to standard output: No space left on device" in listed(status=1, stdout=full).stderr


@pytest.fixture
def silent():
    """The address of a server that expects TLS and closes all other connections."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    server.close()


def test_nothing_answers(listed):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        begin = time.monotonic()
        result = listed("-b", address, status=1)
        assert 4.5 < time.monotonic() - begin < 15
        assert f"Kafka at {address} has not answered: Local: Broker transport failure" in result.stderr
        assert "Connection refused" in result.stderr and result.stdout == ""
        begin = time.monotonic()
        listed("-b", address, "-W", "1", status=27)
        assert time.monotonic() - begin < 4


def test_another_protocol_gets_the_hint(listed, silent):
    assert "does it want TLS or a login?" in listed("-b", silent, "-W", "2", status=27).stderr


def test_options_of_messages_have_no_effect(listed, topics):
    assert listed("-t", "one", "-C", "-q", "-o", "stored", "-G", "group", "-c", "1", "-e").stdout == listed("-t", "one").stdout
