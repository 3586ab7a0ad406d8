"""What the tests of store share: fixtures to import, messages, and a database that goes away."""

import json
import sqlite3
import uuid

import pytest
from clients import create_topic
from confluent_kafka import Producer
from postgres import Postgres
from scrape import address_of, request
from stores import PostgreSQL, SQLite, check_once, start_store, wait_for_rows
from waiting import wait_until


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with Postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        return SQLite(tmp_path)
    return PostgreSQL(request.getfixturevalue("server"))


@pytest.fixture
def topic():
    return f"t{uuid.uuid4().hex[:8]}"


def reading(number):
    return json.dumps({"time": f"2023-12-29T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}", "sensor": "temp", "node": 1,
                       "value": number / 8, "unit": "Cel", "occupancy": 1, "seq": number}).encode()


def send(brokers, topic, messages, partition=0):
    """messages: payloads, or pairs of key and payload."""
    producer = Producer({"bootstrap.servers": brokers.kafka.address, "queue.buffering.max.messages": 1000000})
    for message in messages:
        key, payload = message if isinstance(message, tuple) else (b"1", message)
        producer.produce(topic, payload, key, partition=partition)
    assert producer.flush(60) == 0


def away_and_back(store, database, brokers, topic, back, pattern):
    """What comes meanwhile is stored once the database is back. The consumer has not left its group."""
    store.wait_for_log(pattern)
    send(brokers, topic, map(reading, range(10, 20)))
    # In its first second it also waits for Kafka.
    wait_until(lambda: "database" in request(address_of(store), "/readyz").text, 30, "not ready, for the database is away")
    assert request(address_of(store), "/readyz").status == 503
    assert request(address_of(store), "/healthz").status == 200
    back()
    wait_for_rows(database, 20, 60)
    check_once(database, topic, {0: 20})
    assert store.stderr.count("partitions assigned") == 1


def begin(programs, brokers, database, topic, *arguments, **options):
    create_topic(brokers.kafka.address, topic)
    send(brokers, topic, map(reading, range(10)))
    store = start_store(programs, database, topic, *arguments, **options)
    wait_for_rows(database, 10)
    return store


def sqlite_change(path, statement):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()
