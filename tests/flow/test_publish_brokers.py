"""The publishers while brokers go away, come back, forget and refuse."""

import json
import re
import signal
from collections import Counter

import pytest
from brokers import Broker
from clients import MqttClient
from mosquitto import Mosquitto
from programs import Program
from proxy import Proxy
from publishing import HEADER, ROW, SAMPLE, persistent_subscriber, publish, read_summary, unread_bytes
from waiting import wait_until

# ---- brokers that come and go ----


def seqs_of(payloads):
    return Counter(json.loads(payload)["seq"] for payload in payloads)


def test_waits_for_a_broker_that_is_down(programs, tmp_path):
    broker = Broker("mqtt", tmp_path / "mqtt").start()
    try:
        broker.stop()
        program = programs.start("publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--fast", "--file", SAMPLE)
        program.wait_for_log("cannot connect to the MQTT broker")
        broker.start()
        assert program.wait() == 0, program.stderr
        assert "published 1200 messages" in program.stderr
    finally:
        broker.stop()


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.long
def test_the_broker_is_restarted_in_the_middle(programs, tmp_path, qos):
    """A subscriber at QoS 1 shows that nothing is lost, one at QoS 2 that nothing is doubled: mosquitto_sub 2.0.11 at QoS 2 may
    lose what it had answered with PUBREC when the connection broke."""
    broker = Broker("mqtt", tmp_path / "mqtt").start()
    try:
        keeper = persistent_subscriber(broker.port, tmp_path / "keeper", "restarts", 1)
        exact = persistent_subscriber(broker.port, tmp_path / "exact", "restarts", 2)
        program = programs.start(
            "publish-temp", "-h", "127.0.0.1", "-p", broker.port, "-t", "restarts", "-q", qos, "--rate", 400, "--file", SAMPLE,
            "--summary", tmp_path / "summary",
        )
        for lines in (200, 600):
            wait_until(lambda: keeper.stdout.count(b"\n") > lines, 30, "messages arrive")
            broker.restart()
        assert program.wait(60) == 0, program.stderr
        summary = read_summary(tmp_path / "summary")
        assert summary["published"] == summary["acknowledged"] == 1200
        assert summary["late"] > 0
        wait_until(lambda: len(seqs_of(keeper.stdout.splitlines())) >= 1200, 30, "all messages arrive")
        assert sorted(seqs_of(keeper.stdout.splitlines())) == list(range(1, 1201))
        if qos == 2 and "a new session begins" not in program.stderr:
            wait_until(lambda: 1200 in seqs_of(exact.stdout.splitlines()), 30, "the last message arrives at QoS 2")
            assert max(seqs_of(exact.stdout.splitlines()).values()) == 1
        keeper.stop()
        exact.stop()
    finally:
        broker.stop()


@pytest.mark.long
def test_a_broker_that_forgets_everything_gets_it_again(programs, tmp_path):
    """Frozen with a full window, killed, and started without its memory: what it had not acknowledged is sent again."""
    folder = tmp_path / "mosquitto"
    with Mosquitto(folder) as broker:
        program = programs.start(
            "publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--rate", 2000, "--file", SAMPLE, "--summary", tmp_path / "summary",
            "-k", "5s",
        )
        program.wait_for_log("connected")
        broker.program.send(signal.SIGSTOP)
        wait_until(lambda: unread_bytes(broker.port) > 500, 30, "messages wait unread")
        broker.program.kill()
        again = Program(["mosquitto", "-c", folder / "mosquitto.conf"], folder, name="again")
        try:
            assert program.wait(60) == 0, program.stderr
        finally:
            again.kill()
    summary = read_summary(tmp_path / "summary")
    assert summary["published"] == summary["acknowledged"] == 1200
    assert summary["resent"] > 0


@pytest.fixture
def proxy_to():
    """Makes a proxy to a port, whose connections can be cut."""
    proxies = []

    def make(port):
        proxies.append(Proxy(port))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


@pytest.mark.parametrize(("qos", "version"), [(1, "5"), (2, "5"), (1, "3.1.1")])
@pytest.mark.long
def test_connections_that_are_reset_under_load(programs, tmp_path, proxy_to, qos, version):
    """Paho 1.3.12 frees a message when writing it fails, and would then send whatever takes its place in memory."""
    with Mosquitto(tmp_path / "mosquitto", "max_queued_messages 0", "max_inflight_messages 200") as broker, MqttClient(broker.port) as client:
        client.subscribe("resets")
        proxy = proxy_to(broker.port)
        program = programs.start("publish-temp", "-h", "127.0.0.1", "-p", proxy.port, "-t", "resets", "-q", qos, "-V", version, "--quiet",
                                 "--rate", 3000, "--file", many_rows(tmp_path, 25000), "--summary", tmp_path / "summary")

        def wait_for_more():
            before = len(client.messages)
            wait_until(lambda: len(client.messages) > before + 1000, 60, lambda: "messages arrive; " + program.stderr[-2000:])

        def cut_is_seen(count):
            """Cuts an established connection. Messages from before may still arrive."""
            events = re.findall(r"broker \S+ lost|cannot connect|connected to", program.stderr)
            if events[-1] == "connected to":
                proxy.cut()
            return len([event for event in events if event.endswith("lost")]) >= count

        for resets in range(1, 4):
            wait_for_more()
            wait_until(lambda: cut_is_seen(resets), 30, lambda: f"connection {resets} is lost; {program.stderr[-2000:]}")
        wait_for_more()
        assert program.stop() == 0, program.stderr
        published = read_summary(tmp_path / "summary")["published"]
        wait_until(lambda: json.loads(client.messages[-1].payload)["seq"] == published, 30, "the last message arrives")
        assert set(seqs_of(message.payload for message in client.messages)) == set(range(1, int(published) + 1))


def many_rows(folder, count):
    file = folder / "many.csv"
    file.write_text(HEADER + count * ROW)
    return file


@pytest.mark.long
def test_nothing_is_lost_silently_at_qos_0_while_the_broker_is_away(programs, tmp_path):
    broker = Broker("mqtt", tmp_path / "mqtt").start()
    try:
        program = programs.start(
            "publish-temp", "-h", "127.0.0.1", "-p", broker.port, "-q", 0, "--rate", 400, "--file", SAMPLE)
        program.wait_for_log("connected")
        broker.stop()
        program.wait_for_log("lost")
        broker.start()
        with MqttClient(broker.port) as client:
            client.subscribe("temp", 0)
            assert program.wait(60) == 0, program.stderr
            assert "published 1200 messages" in program.stderr
            wait_until(lambda: client.messages and json.loads(client.messages[-1].payload)["seq"] == 1200, 30, "the last arrives")
    finally:
        broker.stop()


@pytest.mark.parametrize("inflight", [1, 2, 5])
@pytest.mark.long
def test_a_small_receive_maximum(programs, tmp_path, inflight):
    with Mosquitto(tmp_path / "mosquitto", f"max_inflight_messages {inflight}") as broker:
        program = programs.run("publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--fast", "--file", SAMPLE)
        assert program.process.returncode == 0, program.stderr
        assert "1200 acknowledged" in program.stderr


def test_a_refused_message_is_an_error(programs, tmp_path):
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    acl.chmod(0o644)
    with Mosquitto(tmp_path / "mosquitto", f"acl_file {acl}") as broker:
        program = programs.run("publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--fast", "--file", SAMPLE)
        assert program.process.returncode == 1
        assert "the broker refuses a message to the topic 'temp': 0x87 Not authorized" in program.stderr
        assert program.stderr.count("refuses") == 1


def test_a_broker_without_the_quality_of_service_is_an_error(programs, tmp_path):
    with Mosquitto(tmp_path / "mosquitto", "max_qos 1") as broker:
        program = programs.run("publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--fast", "-q", 2, "--file", SAMPLE)
        assert program.process.returncode == 1
        assert "the broker grants QoS 1 at most where QoS 2 is needed" in program.stderr


def test_nobody_subscribes_is_no_error(publish):
    assert publish("publish-temp", "--fast", "-t", "lonely", "--file", SAMPLE).process.returncode == 0
