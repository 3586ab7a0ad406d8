"""What a bridge shows over HTTP: metrics that add up in every scrape, health, readiness, status."""

import contextlib
import socket
import threading

import pytest
from bridges import Bridge, publish_numbers
from clients import MqttClient, read_topic, wait_for_messages
from ports import free_port
from programs import BIN, Programs
from scrape import address_of, check_metrics, request, samples, scrape, status
from service_manager import frozen_thread
from waiting import wait_until

HUGE = b"h" * 2_000_000  # Kafka never takes it


@pytest.fixture
def bridge(programs, tmp_path):
    return Bridge(programs, tmp_path, "--http", "0")


def answers(address, path):
    """The status of the answer; 0 while nobody answers."""
    try:
        return request(address, path).status
    except OSError:
        return 0


def test_pages(brokers, mqtt_client, bridge):
    bridge.start()
    address = address_of(bridge)
    publish_numbers(mqtt_client, bridge.topic, 1, 20)
    mqtt_client.published(mqtt_client.publish(bridge.topic, HUGE))
    wait_for_messages(brokers.kafka.address, bridge.topic, 20)
    wait_until(lambda: scrape(address)["messages_dead_lettered_total"] == 1, 20, "a dead letter is counted")

    answer = request(address, "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    check_metrics(answer.text)
    values = scrape(address)
    assert (values["messages_received_total"], values["messages_delivered_total"], values["messages_spooled"]) == (21, 20, 0)
    assert values["delivered_bytes_total"] == 20 * len(bridge.topic) + 31
    assert values["dead_lettered_bytes_total"] == len(HUGE) + len(bridge.topic)
    assert values["received_bytes_total"] == values["delivered_bytes_total"] + values["dead_lettered_bytes_total"]
    assert values["delivery_latency_seconds_count"] == 20
    assert 0 < values["delivery_latency_seconds_sum"] < 20 * 60
    assert values["dead_letters"] == 1 and values["spool_bytes"] > 0
    every = samples(answer.text)
    assert every["roomstream_bridge_info", (("name", f"bridge-{bridge.topic}"), ("mqtt_topic", bridge.topic), ("kafka_topic", bridge.topic),
                                            ("delivery", "at-least-once"))] == 1
    assert every["process_start_time_seconds", ()] > 1.7e9 and every["process_open_fds", ()] > 5

    wait_until(lambda: answers(address, "/readyz") == 200, 20, lambda: request(address, "/readyz").text)
    broker = f"{brokers.kafka.address}/1"
    every = samples(request(address, "/metrics").text)
    assert every["roomstream_bridge_kafka_broker_up", (("broker", broker),)] == 1
    assert every["roomstream_bridge_kafka_broker_requests_total", (("broker", broker),)] > 0
    assert request(address, "/healthz").text == "healthy\n"

    shown = status(address)
    assert (shown["ready"], shown["healthy"], shown["problems"]) == (True, True, [])
    assert shown["bridge"] == f"bridge-{bridge.topic}"
    assert (shown["mqtt"]["state"], shown["kafka"]["state"]) == ("subscribed", "connected")
    assert (shown["mqtt"]["topic"], shown["kafka"]["topic"]) == (bridge.topic, bridge.topic)
    assert shown["messages"] == {"received": 21, "delivered": 20, "spooled": 0, "dead_lettered": 1, "in_flight": 0}
    assert shown["dead_letters"]["count"] == 1 and shown["spool"]["oldest_seconds"] is None
    assert shown["pid"] == bridge.program.pid

    assert request(address, "/").text.split() == ["/metrics", "/healthz", "/readyz", "/status"]
    assert request(address, "/metric").status == 404
    head = request(address, "/status", "HEAD")
    assert (head.status, head.text) == (200, "") and int(head.headers["Content-Length"]) > 100
    post = request(address, "/metrics", "POST", b"x")
    assert (post.status, post.headers["Allow"]) == (405, "GET, HEAD")
    assert request(address, "/metrics", "GET", b"x").status == 413
    bridge.stop()


def test_rates_and_latencies(brokers, mqtt_client, programs, tmp_path):
    bridge = Bridge(programs, tmp_path, "--http", "[::1]:0", "--delivery", "exactly-once").start()
    address = address_of(bridge)
    assert address.startswith("[::1]:")
    publish_numbers(mqtt_client, bridge.topic, 1, 500, qos=2)
    wait_for_messages(brokers.kafka.address, bridge.topic, 500)

    def recent():
        rates = status(address)["recent"]
        return rates["delivered_per_second"] > 0 and rates["latency_p99_seconds"] and rates

    rates = wait_until(recent, 20, "the status shows a rate")
    assert 0 < rates["latency_p50_seconds"] <= rates["latency_p99_seconds"] < 60
    assert rates["received_per_second"] > 0 and 0 < rates["seconds"] < 15
    answer = request(address, "/metrics")
    check_metrics(answer.text)
    values = scrape(address)
    assert values["delivery_latency_seconds_count"] == 500
    assert 1 <= values["transaction_duration_seconds_count"] <= 500
    assert values["delivered_bytes_total"] == values["received_bytes_total"]
    bridge.stop()


class Load(threading.Thread):
    """Publishes until it is told to end; counts what is acknowledged."""

    def __init__(self, brokers, topic, qos):
        super().__init__(daemon=True)
        self.client, self.topic, self.qos = MqttClient(brokers.mqtt.port), topic, qos
        self.ended, self.huge, self.published, self.turn = threading.Event(), threading.Event(), 0, threading.Lock()

    def publish(self, payload):
        self.client.publish(self.topic, payload, self.qos)
        self.published += 1

    def run(self):
        with self.client:
            while not self.ended.wait(0.002):
                with self.turn:
                    self.publish(HUGE if self.huge.is_set() and not self.huge.clear() else b"x")
            self.settle()

    def settle(self):
        wait_until(lambda: self.client.acknowledged == self.published, 60, "all that was published is acknowledged")

    @contextlib.contextmanager
    def halted(self):
        """In a with block nothing is in flight. After a broker has lost the session, a client may think that a lost QoS 2 message is
        published."""
        with self.turn:
            self.settle()
            yield

    def end(self):
        self.ended.set()
        self.join(90)
        assert not self.is_alive() and self.client.acknowledged == self.published


@pytest.mark.parametrize("delivery, qos", [("at-least-once", 1), ("exactly-once", 2)])
@pytest.mark.long
def test_every_scrape_adds_up_in_the_middle_of_faults(brokers, programs, tmp_path, delivery, qos):
    """Counts survive a kill: none of 1,000 scrapes may show less than the one before."""
    bridge = Bridge(programs, tmp_path, "--http", "0", "--delivery", delivery).start()

    def kill_bridge():
        bridge.kill()
        bridge.start()

    def kill_bridge_after_dead_letter():
        """Killed before it acknowledges the huge message, it would rightly get that one twice."""
        wait_until(lambda: scrape(address)["messages_dead_lettered_total"] == 1, 30, "the huge message is a dead letter")
        kill_bridge()

    def restart_mqtt():
        with load.halted():
            brokers.mqtt.restart()

    faults = {
        100: brokers.kafka.freeze,
        240: brokers.kafka.thaw,
        340: lambda: load.huge.set(),
        400: kill_bridge_after_dead_letter,
        520: brokers.kafka.kill,
        620: kill_bridge,
        660: brokers.kafka.start,
        800: restart_mqtt,
    }
    load = Load(brokers, bridge.topic, qos)
    load.start()
    address, before = address_of(bridge), {}
    counters = ("messages_received_total", "messages_delivered_total", "messages_dead_lettered_total")
    for number in range(1000):
        values = scrape(address)
        received, delivered, dead = (values[name] for name in counters)
        assert received == delivered + dead + values["messages_spooled"], (number, values)
        assert values["messages_in_flight"] <= values["messages_spooled"], (number, values)
        for name in counters:
            assert values[name] >= before.get(name, 0), (number, name, values)
        before = values
        if number in faults:
            faults[number]()
            address = address_of(bridge)
    load.end()
    published = load.published

    def settled():
        values = scrape(address)
        return values["messages_received_total"] >= published and values["messages_spooled"] == 0 and values

    last = wait_until(settled, 60, lambda: f"all of {published} is received and settled: {scrape(address)}")
    delivered = len(read_topic(brokers.kafka.address, bridge.topic))
    assert last["messages_dead_lettered_total"] == 1
    # The broker may send a message twice at QoS 1, and a killed bridge deliver one twice.
    assert published <= last["messages_received_total"] == last["messages_delivered_total"] + 1
    assert published - 1 <= delivered
    if delivery == "exactly-once":
        assert (last["messages_received_total"], delivered) == (published, published - 1)
    assert samples(request(address, "/metrics").text)[
        "roomstream_bridge_reconnects_total", (("side", "mqtt"), ("reason", "connection_lost"))] >= 1
    assert bridge.stop()["received"] == last["messages_received_total"]


def test_ready_when_both_sides_are(brokers, bridge):
    """The bridge waits for a broker that is away, and stays healthy. Once the broker is back, an idle bridge notices by itself."""
    bridge.start()
    address = address_of(bridge)
    for broker, side in ((brokers.kafka, "Kafka"), (brokers.mqtt, "MQTT")):
        wait_until(lambda: answers(address, "/readyz") == 200, 30, lambda: request(address, "/readyz").text)
        broker.stop()
        wait_until(lambda: answers(address, "/readyz") == 503, 30, f"not ready without {side}")
        assert side in request(address, "/readyz").text
        assert answers(address, "/healthz") == 200
        broker.start()
    wait_until(lambda: answers(address, "/readyz") == 200, 30, lambda: request(address, "/readyz").text)
    bridge.stop()


@pytest.mark.long
def test_unhealthy_when_a_thread_stands_still(brokers, mqtt_client, programs, tmp_path):
    """A bridge waits for a full disk and stays healthy, but not with a hanging thread. All cases at once, since each takes half a
    minute."""
    limit = ("/usr/bin/env", "--ignore-signal=XFSZ", "prlimit", "--fsize=65536")  # bytes in a file: a larger message cannot be stored

    def shows_statistics(address):
        return any(name.startswith(("roomstream_bridge_kafka_queue", "roomstream_bridge_kafka_broker")) for name, _ in samples(request(address, "/metrics").text))

    # (thread, name in the answer)
    threads = [(None, "main thread"), ("forwarder", "forwarder"), ("MQTTAsync_rcv", "receiver")]
    bridges = {name: Bridge(programs, tmp_path, "--http", "0") for _, name in threads}
    waiting = Bridge(programs, tmp_path, "--http", "0")
    for bridge in (*bridges.values(), waiting):
        bridge.program = programs.start(*limit, BIN / "bridge", "-t", bridge.topic, "--spool", bridge.spool, *bridge.options)
        bridge.program.wait_for_log("subscribed to")
    for full in (bridges["receiver"], waiting):
        mqtt_client.publish(full.topic, b"x" * 100_000)
        full.program.wait_for_log("a message cannot be stored")
    addresses = {name: address_of(bridge) for name, bridge in bridges.items()}
    with contextlib.ExitStack() as frozen:
        wait_until(lambda: shows_statistics(addresses["forwarder"]), 30, "librdkafka's statistics are shown")
        for thread, name in threads:
            assert answers(addresses[name], "/healthz") == 200
            frozen.enter_context(frozen_thread(bridges[name].program.pid, thread))
        for name, address in addresses.items():
            wait_until(lambda: answers(address, "/healthz") == 503, 60, f"unhealthy without its {name}")
            assert request(address, "/healthz").text.startswith(f"the {name} has not moved for ")
            assert request(address, "/readyz").status == 503
            assert scrape(address)["healthy"] == 0 and not status(address)["healthy"]
        assert answers(address_of(waiting), "/healthz") == 200, "what waits for the disk does not hang"
        # librdkafka's statistics are not served any more: old ones are not shown for ever.
        wait_until(lambda: not shows_statistics(addresses["forwarder"]), 30, "old statistics are left out")
    for address in addresses.values():
        wait_until(lambda: answers(address, "/healthz") == 200, 30, lambda: request(address, "/healthz").text)


class Drip(threading.Thread):
    """Clients that never end their request: a byte each, again and again. One that is closed comes back, one in a round. None
    waits for anything, or the others would fall silent."""

    def __init__(self, address, count):
        super().__init__(daemon=True)
        host, port = address.split(":")
        self.address, self.ended, self.rounds = (host, int(port)), threading.Event(), 0
        self.clients = {self.connect(): b"GET /metrics HTTP/1.1\r\nX: " for _ in range(count)}

    def connect(self):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(self.address)
        return client

    def send(self, client):
        try:
            client.sendall(self.clients[client])
            self.clients[client] = b"x"
        except BlockingIOError:
            pass  # not connected yet
        except OSError:
            client.close()
            del self.clients[client]

    def run(self):
        while not self.ended.wait(0.1):
            for client in list(self.clients):
                self.send(client)
            self.clients[self.connect()] = b"GET /metrics HTTP/1.1\r\nX: "
            self.rounds += 1

    def end(self):
        self.ended.set()
        self.join(60)
        for client in self.clients:
            client.close()


@pytest.mark.long
def test_clients_that_send_a_byte_now_and_then_keep_nobody_out(brokers, mqtt_client, bridge):
    bridge.start()
    address = address_of(bridge)
    drip = Drip(address, 40)
    drip.start()
    for _ in range(20):
        before = drip.rounds
        assert answers(address, "/healthz") == 200
        wait_until(lambda: drip.rounds > before, 30, "they go on")
    publish_numbers(mqtt_client, bridge.topic, 1, 100)
    wait_for_messages(brokers.kafka.address, bridge.topic, 100)
    drip.end()
    bridge.stop()


@pytest.mark.parametrize(("host", "status"), [
    ("127.0.0.1", 200), ("127.0.0.1:{port}", 200), ("[::1]:{port}", 200), ("[fd00::1]", 200), ("localhost", 200), ("LocalHost.:{port}", 200),
    ("gateway.example:{port}", 200), ("Second.example", 200), (None, 200),
    ("evil.example:{port}", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421), ("gateway.example.evil:80", 421),
    ("[evil.example]", 421), ("x" * 300, 421), ("", 421), ("2130706433", 421),
])
def test_only_requests_for_this_host_are_answered(named, host, status):
    """A web page cannot read it by a host name of its own (DNS rebinding)."""
    port = named.rsplit(":")[-1]
    header = "" if host is None else f"Host: {host.format(port=port)}\r\n"
    with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as connection:
        connection.sendall(f"GET /metrics HTTP/1.0\r\n{header}\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert int(answer.split()[1]) == status, answer[:500]
    assert (b"roomstream_bridge_received" in answer) == (status == 200)
    assert (b"--http-host NAME" in answer) == (status == 421)


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """The address of a bridge that has two names; it needs no broker for that."""
    folder = tmp_path_factory.mktemp("named")
    programs = Programs(folder / "programs", {"ROOMSTREAM_HTTP_HOST": "gateway.example\nsecond.example"})
    port = free_port()
    bridge = programs.start("bridge", "-t", "x", "--spool", folder / "spool", "--http", "0", "-p", port, "-b", f"127.0.0.1:{port}")
    yield bridge.wait_for_log(r"serving HTTP at http://(\S+)/").group(1)
    programs.end_all()


def test_an_address_that_cannot_be_had(brokers, programs, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        bridge = programs.start("bridge", "-t", "x", "--spool", tmp_path / "spool", "--http", port)
        assert bridge.wait() == 1
        assert f"cannot serve HTTP at 127.0.0.1:{port}: Address already in use" in bridge.stderr
    for address in ("nowhere", "::1:80", "127.0.0.1:65536", "[::1]"):
        wrong = programs.start("bridge", "-t", "x", "--spool", tmp_path / "spool", "--http", address)
        assert wrong.wait() == 2
        assert f"--http: '{address}' is not an address" in wrong.stderr
