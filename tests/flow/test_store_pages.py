"""store: what it shows over HTTP, and how it ends."""

import os
import re
import time

import pytest
from confluent_kafka import Consumer, TopicPartition
from programs import ROOT
from scrape import address_of, check_metrics, request, samples
from store_fixtures import begin, database, reading, send, server, topic
from stores import PostgreSQL, SQLite, check_once, start_store, status, wait_for_rows
from waiting import wait_until

# ---- what is shown ----


def test_metrics_and_lag(programs, brokers, database, topic):
    store = begin(programs, brokers, database, topic)
    check_metrics(request(address_of(store), "/metrics").text)
    wait_until(lambda: status(store)["messages"]["lag"] == 0, 30, "no lag")
    wait_until(lambda: status(store)["ready"], 30, "ready")
    alerts = set(re.findall(r"roomstream_store_\w+", (ROOT / "config" / "prometheus-alerts.yml").read_text()))
    assert len(alerts) > 3 and alerts <= {name for name, _ in samples(request(address_of(store), "/metrics").text)}
    assert status(store)["messages"]["stored"] == 10
    assert request(address_of(store), "/readyz").text == "ready\n"
    shown = programs.run("status", "-a", address_of(store))
    assert shown.process.returncode == 0, shown.stdout
    assert re.search(rb"^store +- +connected +\S+ +\S+ +0 ", shown.stdout, re.MULTILINE), shown.stdout
    # The group's offset follows, for tools that show the lag.
    consumer = Consumer({"bootstrap.servers": brokers.kafka.address, "group.id": f"g-{topic}"})
    wait_until(lambda: consumer.committed([TopicPartition(topic, 0)], timeout=10)[0].offset == 10, 30, "the group's offset")
    consumer.close()


@pytest.mark.long
def test_lag_while_the_database_is_away(programs, brokers, server, topic):
    """Kafka is asked for the lag, but nothing more is fetched."""
    database = PostgreSQL(server)
    store = begin(programs, brokers, database, topic, "--batch", "10", "--log-level", "debug", "-X", "debug=fetch")
    server.stop()
    try:
        send(brokers, topic, map(reading, range(10, 500)))
        wait_until(lambda: status(store)["messages"]["lag"] == 490 and status(store)["lag_seconds"] > 0, 60, lambda: f"the lag: {status(store)}")
        store.wait_for_log("no more messages are read for now")
        send(brokers, topic, map(reading, range(500, 510)))
        wait_until(lambda: status(store)["messages"]["lag"] == 500, 60, "the lag of what has come since")
        read, _, after = store.stderr.partition("no more messages are read for now")
        assert "Fetch topic" in read and "Fetch topic" not in after
        store.kill()
        store = start_store(programs, database, topic, "--log-level", "debug", "-X", "debug=fetch", label="again")
        store.wait_for_log("partitions assigned")
        begun = time.monotonic()
        assert store.stop() == 0
        assert time.monotonic() - begun < 5, "nothing is to be written, so there is nothing to wait for"
        assert "Fetch topic" not in store.stderr
    finally:
        server.start()
    start_store(programs, database, topic, label="last")
    wait_for_rows(database, 510)
    check_once(database, topic, {0: 510})


@pytest.mark.long
def test_another_takes_its_instance_id(programs, brokers, tmp_path, topic):
    """Kafka fences it, as a restarted Kafka does with a single member. It joins again. Two with one id do not end each other."""
    database = SQLite(tmp_path)
    first = begin(programs, brokers, database, topic, "-X", "group.instance.id=one")
    second = start_store(programs, database, topic, "-X", "group.instance.id=one", label="second")
    threads = len(os.listdir(f"/proc/{first.pid}/task"))
    for fenced in (first, second):
        fenced.wait_for_log("group.instance.id to another member")
    second.kill()
    send(brokers, topic, map(reading, range(10, 20)))
    wait_for_rows(database, 20, 60)
    check_once(database, topic, {0: 20})
    assert first.stderr.count("partitions assigned") <= 4
    wait_until(lambda: len(os.listdir(f"/proc/{first.pid}/task")) <= threads, 10, "nothing is left of the client before")
    assert first.stop() == 0


@pytest.mark.long
def test_stops_while_its_group_waits_for_a_killed_member(programs, brokers, tmp_path, topic):
    """Kafka lets nobody leave before the killed one's session is over, which is not waited for."""
    database = SQLite(tmp_path)
    killed = begin(programs, brokers, database, topic, "-X", "session.timeout.ms=45000")
    killed.kill()
    joining = start_store(programs, database, topic, "--log-level", "debug", "-X", "debug=cgrp", label="joining")
    joining.wait_for_log("and member id .roomstream")  # it has joined, and waits for its partitions
    begun = time.monotonic()
    assert joining.stop() == 0
    assert time.monotonic() - begun < 7
    assert "Kafka has not let us go within 4 s" in joining.stderr


def test_sigterm_writes_what_was_read(programs, brokers, database, topic):
    store = begin(programs, brokers, database, topic)
    assert store.stop() == 0
    assert "stopped: consumed 10 = stored 10 + rejected 0" in store.stderr
