"""The measurements of the dashboard: the first view of a day, many pages at once, and its memory. As those of measurements.py."""

import json
import re
import select
import socket
import threading
import time
import urllib.request

from browsers import BROWSERS
from confluent_kafka import Producer

TOPICS, DAY = 6, 160_000  # the readings of a day of the data set, of all topics
PAGES, RATE, SECONDS = 200, 20, 15


class _Dashboard:
    """A dashboard of these topics that has read so many messages of them."""

    def __init__(self, stage, topics, count):
        self.program = stage.start("dashboard", "-b", stage.kafka, "--http", "0", "--people", "", *(word for topic in topics for word in ("-t", topic)))
        self.program.wait_for("the page is at")
        self.address = re.search(r"the page is at http://([\d.:]+)/", self.program.errors).group(1)
        end = time.monotonic() + 300
        while self.messages() < count:
            assert time.monotonic() < end, f"{count} messages are not read: {self.program.errors[-2000:]}"
            time.sleep(0.02)
        self.read_in = time.monotonic() - self.program.started

    def status(self):
        assert self.program.is_running(), self.program.errors[-2000:]
        with urllib.request.urlopen(f"http://{self.address}/status", timeout=30) as answer:
            return json.load(answer)

    def messages(self):
        return self.status()["messages"]["received"]

    def ask(self):
        """A socket at which the events come."""
        host, port = self.address.split(":")
        stream = socket.create_connection((host, int(port)), timeout=30)
        stream.sendall(f"GET /events HTTP/1.1\r\nHost: {self.address}\r\n\r\n".encode())
        return stream


def _load(stage, count):
    """Topics with so many readings in all."""
    topics = [stage.new_topic(kafka=True) for _ in range(TOPICS)]
    for topic in topics:
        stage.run("bench-reading-load", stage.kafka, topic, count // TOPICS)
    return topics, count // TOPICS * TOPICS


def _delete(stage, topics):
    for topic in topics:
        stage.delete_topic(topic)


def _open_page(stage, address):
    """Milliseconds from asking for the page until something is painted, and until its charts are drawn, in a browser that has just started."""
    with BROWSERS["chromium"](stage.folder / f"chromium-{time.monotonic_ns()}") as browser:
        browser.open(f"http://{address}/")
        end = time.monotonic() + 60
        while (drawn := browser.run("return performance.getEntriesByName('drawn')[0]?.startTime")) is None:
            assert time.monotonic() < end, "the page is not drawn"
            time.sleep(0.02)
        return browser.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime"), drawn


def _read(streams, stop):
    """Takes what comes at all streams, also those that are added meanwhile."""
    while not stop.is_set():
        for stream in select.select(list(streams), [], [], 0.1)[0]:
            stream.recv(1 << 20)


def _pages(stage, dashboard, topic):
    """The share of a core that it uses while messages come, with so many clients and with none."""
    producer = Producer({"bootstrap.servers": stage.kafka, "linger.ms": 0})

    def cost():
        before, begin = dashboard.program.cpu_now(), time.monotonic()
        for number in range(RATE * SECONDS):
            producer.produce(topic, json.dumps({"time": 1800000000 + number, "value": number}), key="1")
            producer.poll(max(0, begin + (number + 1) / RATE - time.monotonic()))
            while time.monotonic() < begin + (number + 1) / RATE:
                time.sleep(0.005)
        return (dashboard.program.cpu_now() - before) / (time.monotonic() - begin)

    alone, streams, stop = cost(), [], threading.Event()
    reader = threading.Thread(target=_read, args=(streams, stop))
    reader.start()
    try:
        for _ in range(PAGES):
            streams.append(dashboard.ask())
        end = time.monotonic() + 60
        while (clients := dashboard.status()["clients"])["now"] < PAGES:
            assert time.monotonic() < end, f"not all of {PAGES} pages are open: {clients}"
            time.sleep(0.1)
        time.sleep(3)  # until all have what came before
        looked_at, clients = cost(), dashboard.status()["clients"]
        assert clients["now"] == PAGES and clients["cut_off"] == 0, f"some were cut off: {clients}"
        return alone, looked_at
    finally:
        stop.set()
        reader.join()
        for stream in streams:
            stream.close()


def dashboard(stage, settings):
    """A day of history: until it is drawn, and with 200 pages open at 20 messages a second."""
    topics, count = _load(stage, DAY)
    shown = _Dashboard(stage, topics, count)
    figures = {"dashboard, a day: read in, s": shown.read_in}
    if "chromium" in BROWSERS:
        painted, drawn = _open_page(stage, shown.address)
        figures |= {"dashboard, a day: first paint after, ms": painted, "dashboard, a day: charts drawn after, ms": drawn}
    alone, looked_at = _pages(stage, shown, topics[0])
    figures |= {
        f"dashboard, {RATE} msg/s, no page: part of a core": alone,
        f"dashboard, {RATE} msg/s, {PAGES} pages: part of a core": looked_at,
        f"dashboard, {PAGES} pages: peak MB": shown.program.peak_memory() / 1e6,
    }
    shown.program.stop()
    _delete(stage, topics)
    return figures


def dashboard_memory(stage, settings):
    """Many messages, from the beginning of the topics."""
    topics, count = _load(stage, settings.history_messages)
    shown = _Dashboard(stage, topics, count)
    name, memory = f"dashboard, {count:,} messages", shown.program.peak_memory()
    cost = shown.program.stop()
    _delete(stage, topics)
    return {f"{name}: msg/s": count / shown.read_in, f"{name}: CPU s per million": cost.cpu / count * 1e6, f"{name}: peak MB": memory / 1e6}
