"""dashboard without a browser: its stream of events, its memory, and who may ask."""

import http.client
import json
import os
import selectors
import signal
import socket
import threading
import time
import urllib.error
import uuid

import pytest
from clients import read_topic
from dashboards import TOPICS, Dashboard, make_topics, readings, send
from scrape import alert_metrics, check_metrics, samples
from waiting import wait_until


class Stream:
    """A client of the events."""

    def __init__(self, dashboard, room=None, wait=20):
        """room: the size of its socket's buffer; wait: the most seconds for the connection. It reads only when told to."""
        host, port = dashboard.address.split(":")
        self.socket = socket.socket()
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.settimeout(wait)
        self.socket.connect((host, int(port)))
        self.socket.sendall(f"GET /events HTTP/1.1\r\nHost: {dashboard.address}\r\n\r\n".encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def events(dashboard):
    """Yields the events' names and data."""
    connection = http.client.HTTPConnection(dashboard.address, timeout=20)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
    name = None
    try:
        while line := answer.readline().decode():
            if line.startswith("event: "):
                name = line[7:-1]
            elif line.startswith("data: "):
                yield name, json.loads(line[6:])
    finally:
        connection.close()


@pytest.fixture(scope="module")
def topics(brokers):
    make_topics(brokers.kafka.address, *TOPICS)
    return send(brokers.kafka.address, readings())


@pytest.fixture
def dashboard(topics, programs):
    return Dashboard(programs).start().wait_for(sum(topics.values()))


def points(data, topic):
    return {series["name"]: series["points"] for series in data["room"]["topics"][TOPICS.index(topic)]["series"]}


def test_history_and_then_what_is_new(brokers, topics, dashboard):
    stream = events(dashboard)
    name, data = next(stream)
    assert name == "history"
    assert {topic["name"]: topic["messages"] for topic in data["room"]["topics"]} == topics == \
        {topic: len(read_topic(brokers.kafka.address, topic)) for topic in topics}
    assert set(points(data, "temp")) == {"1", "2", "3", "4"} and len(points(data, "temp")["1"]) == 2 * 300
    assert set(points(data, "occupancy")) == {"estimate", "truth"}
    send(brokers.kafka.address, [("pir", "6", '{"time":"2024-01-02T10:12:00","value":0.5}')])
    began = time.monotonic()
    while points(next(stream)[1], "pir").get("6", [])[-2:] != [1704190320000, 0.5]:
        pass
    assert time.monotonic() - began < 1


def test_who_is_not_meant_and_who_is_too_many(programs, topics):
    dashboard = Dashboard(programs, "--clients", "2", "--http-host", "room.example").start().wait_for(sum(topics.values()))
    for host, status in (("room.example", 200), ("localhost:80", 200), ("evil.example", 421)):
        connection = http.client.HTTPConnection(dashboard.address, timeout=20)
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        assert answer.status == status
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        connection.close()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        dashboard.get("../etc/passwd")
    streams = [events(dashboard) for _ in range(2)]
    assert [next(stream)[0] for stream in streams] == ["history", "history"]
    with pytest.raises(urllib.error.HTTPError, match="503"):
        dashboard.get("events")
    streams.pop().close()
    wait_until(lambda: dashboard.status()["clients"]["now"] == 1, 20, "one of them has gone")
    assert next(events(dashboard))[0] == "history"
    assert dashboard.status()["clients"]["refused"] >= 1
    metrics = dashboard.get("metrics")
    check_metrics(metrics)
    assert alert_metrics("dashboard") <= {name for name, _ in samples(metrics)}


@pytest.fixture
def alone(brokers, programs):
    """A dashboard with a topic of its own."""
    topic = f"alone{uuid.uuid4().hex[:8]}"
    make_topics(brokers.kafka.address, topic)
    dashboard = Dashboard(programs, "-t", topic, "--people", "").start()
    dashboard.topic = topic
    return dashboard


def test_two_hundred_that_come_at_once_are_served(brokers, alone):
    """As after a restart, while the server has no time for them; each gets a history that is larger than what the system holds for it."""
    send(brokers.kafka.address, ((alone.topic, str(node), json.dumps({"time": 1700000000 + i, "value": i / 7}))
                                 for i in range(1000) for node in range(16)))
    alone.wait_for(16000)
    streams, selector = [], selectors.DefaultSelector()
    try:
        os.kill(alone.program.pid, signal.SIGSTOP)
        try:
            streams = [Stream(alone, wait=0.9) for _ in range(200)]  # a request to connect that is dropped is repeated after a second
        finally:
            os.kill(alone.program.pid, signal.SIGCONT)
        ends = dict.fromkeys(streams, b"")
        for stream in streams:
            selector.register(stream.socket, selectors.EVENT_READ, stream)
        end = time.monotonic() + 60
        while any(b"event: news" not in tail for tail in ends.values()):
            assert time.monotonic() < end, f"{sum(b'event: news' in tail for tail in ends.values())} of 200 have the history"
            for key, _ in selector.select(1):
                data = key.fileobj.recv(1 << 18)
                assert data, "none is cut off"
                ends[key.data] = ends[key.data][-20:] + data if b"event: news" not in ends[key.data] else ends[key.data]
        clients = alone.status()["clients"]
        assert (clients["now"], clients["cut_off"], clients["refused"]) == (200, 0, 0)
    finally:
        selector.close()
        for stream in streams:
            stream.socket.close()


@pytest.mark.long
def test_one_that_takes_nothing_is_cut_off_and_holds_nobody_up(brokers, alone):
    """The endings of clients, while news come without end."""
    stop = threading.Event()

    def feed():
        number = 0
        while not stop.wait(0.1):
            number += 1
            send(brokers.kafka.address, [(alone.topic, str(node), json.dumps({"time": 1700000000 + number * 100 + i, "value": i}))
                                         for node in range(16) for i in range(60)])

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        with Stream(alone, room=4096):
            live = events(alone)
            wait_until(lambda: alone.status()["clients"]["served"] >= 1 and next(live), 20, "both are served")
            began, gaps = time.monotonic(), []
            while alone.status()["clients"]["now"] == 2:
                before = time.monotonic()
                next(live)
                gaps.append(time.monotonic() - before)
                assert time.monotonic() - began < 60, "it is cut off"
        assert max(gaps) < 3, "the other one has its events all the time"
        assert alone.status()["clients"]["cut_off"] == 1
        assert next(live)[0] == "news"
    finally:
        stop.set()
        thread.join()


@pytest.mark.long
def test_memory_is_bounded(brokers, programs):
    """Many messages, ever new keys, payloads of a megabyte."""
    topic = f"many{os.getpid()}"
    make_topics(brokers.kafka.address, topic)
    dashboard = Dashboard(programs, "-t", topic, "--people", "").start()
    send(brokers.kafka.address, ((topic, str(i % 5000), f'{{"time":{1700000000 + i},"value":{i}}}') for i in range(400000)))
    send(brokers.kafka.address, ((topic, "x", b"\xff<" * 500000) for _ in range(30)))
    dashboard.wait_for(400030, 120)
    assert dashboard.memory("VmHWM") < 40e6
    assert next(events(dashboard))[1]["room"]["topics"][0]["crowded"]


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.long
def test_two_hundred_clients_cost_little(brokers, alone):
    """20 messages a second, of which each client is told."""
    count, seconds, dashboard = 200, 5, alone
    streams, stop = [], threading.Event()

    def read():
        while not stop.wait(0.05):
            for stream in list(streams):
                try:
                    stream.socket.recv(1 << 20)
                except BlockingIOError:
                    pass

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(count):
            stream = Stream(dashboard)
            stream.socket.setblocking(False)
            streams.append(stream)
        wait_until(lambda: dashboard.status()["clients"]["now"] == count, 30, lambda: str(dashboard.status()["clients"]))
        wait_until(lambda: dashboard.status()["uptime_seconds"] > 5, 30, "the start is over")
        before, began = cpu_seconds(dashboard.program.pid), time.monotonic()
        for number in range(20 * seconds):
            send(brokers.kafka.address, [(alone.topic, "5", json.dumps({"time": 1704190320 + number, "value": number}))])
            stop.wait(max(0, began + (number + 1) / 20 - time.monotonic()))
        share = (cpu_seconds(dashboard.program.pid) - before) / (time.monotonic() - began)
        assert dashboard.status()["clients"]["now"] == count
        assert share < 0.2, f"{share:.3f} of a core"
        print(f"200 clients: {share:.3f} of a core, {dashboard.memory() / 1e6:.1f} MB")
    finally:
        stop.set()
        reader.join()
        for stream in streams:
            stream.socket.close()
