"""What a broker does not support, limits, or refuses for a while, and what the programs do then."""

import re
import signal
import subprocess
import urllib.request

import pytest
from bridges import wait_in_log
from clients import MqttClient
from mosquitto import Mosquitto
from ports import free_port
from programs import BIN, ROOT, freeze
from scripted_broker import CONNACK, DISCONNECT, PUBACK, PUBLISH, SUBACK, ScriptedBroker
from waiting import wait_until

VERSIONS = ["5", "3.1.1"]
SHARED_PAHO = "libpaho" in subprocess.run(["ldd", BIN / "bridge"], stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.fixture
def broker():
    with ScriptedBroker() as scripted:
        yield scripted


@pytest.fixture
def start(programs, tmp_path):
    """Starts a program with what it needs; there is no Kafka."""
    own = {
        "publish-co2": ["--file", ROOT / "data" / "occupancy-sample.csv"],
        "subscribe": ["-t", "x", "--log-level", "info"],
        "bridge": ["-t", "x", "--spool", tmp_path / "spool"],
    }

    def begin(name, port, *options):
        if name == "publish-co2" and "--rate" not in options:
            options = ("--fast", "--limit", "1", *options)
        return programs.start(name, "-h", "127.0.0.1", "-p", port, *own[name], *options, env={"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"})

    return begin


def number(identifier, value, size):
    """A numeric property, encoded."""
    return bytes([identifier]) + value.to_bytes(size, "big")


def text(identifier, value):
    return bytes([identifier]) + len(value).to_bytes(2, "big") + value.encode()


# ---- less than what was asked for ----


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["bridge", "subscribe"])
def test_a_qos_that_is_not_granted_is_refused(start, tmp_path, name, version):
    """With MQTT 5 the CONNACK tells it, with MQTT 3.1.1 the SUBACK."""
    with Mosquitto(tmp_path / "mosquitto", "max_qos 0") as mosquitto:
        program = start(name, mosquitto.port, "-q", "1", "-V", version)
        assert program.wait() == 1
        assert re.search(r"error: the broker grants QoS 0 (at most|for 'x') where QoS 1 is needed", program.stderr)
        assert "ask for less with --qos" in program.stderr
        assert "subscribed to" not in program.stderr
        program = start(name, mosquitto.port, "-q", "0", "-V", version)
        program.wait_for_log("subscribed to 'x' at QoS 0")
        assert program.stop(60) == 0


def test_a_qos_that_the_broker_does_not_take_is_not_published(start, tmp_path):
    with Mosquitto(tmp_path / "mosquitto", "max_qos 0") as mosquitto:
        program = start("publish-co2", mosquitto.port)
        assert program.wait() == 1
        assert "the broker grants QoS 0 at most where QoS 1 is needed" in program.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_a_bridge_keeps_its_session_while_the_broker_grants_less(start, tmp_path, version):
    """With MQTT 5 it does not even ask: the subscription in the session stays as it is, so that the broker keeps for it what comes
    before it is back."""
    settings = ["persistence true", f"persistence_location {tmp_path}/"]
    with Mosquitto(tmp_path / "mosquitto", *settings) as mosquitto:
        conf = tmp_path / "mosquitto" / "mosquitto.conf"
        whole = conf.read_text()
        http = free_port()
        program = start("bridge", mosquitto.port, "-V", version, "--http", http)
        program.wait_for_log("subscribed to 'x' at QoS 1")
        program.kill()
        conf.write_text(whole + "max_qos 0\n")
        mosquitto.restart()
        program = start("bridge", mosquitto.port, "-V", version, "--http", http)
        program.wait_for_log("warning: the broker grants QoS 0 .* where QoS 1 is needed.*; trying again in")
        assert "subscribed to" not in program.stderr
        freeze(program.pid)
        conf.write_text(whole)
        mosquitto.restart()
        if version == "5":
            with MqttClient(mosquitto.port) as client:
                client.published(client.publish("x", b"while it was away", 1))
        program.send(signal.SIGCONT)
        program.wait_for_log("subscribed to 'x' at QoS 1", 60)
        if version == "3.1.1":
            with MqttClient(mosquitto.port) as client:
                client.published(client.publish("x", b"after it was back", 1))
        wait_until(lambda: re.search(r"spooled 1", status(http)) or False, 30, lambda: status(http))
        program.kill()


def status(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=10) as answer:
        return re.sub(r'"spooled": ?', "spooled ", answer.read().decode())


def test_a_publisher_waits_while_the_broker_grants_less(start, tmp_path):
    with Mosquitto(tmp_path / "mosquitto") as mosquitto:
        conf = tmp_path / "mosquitto" / "mosquitto.conf"
        whole = conf.read_text()
        program = start("publish-co2", mosquitto.port, "--limit", "300", "--rate", "20")
        program.wait_for_log("connected to")
        conf.write_text(whole + "max_qos 0\n")
        mosquitto.restart()
        program.wait_for_log("warning: the broker grants QoS 0 at most where QoS 1 is needed.*; trying again in")
        conf.write_text(whole)
        mosquitto.restart()
        assert program.wait(60) == 0
        assert "300 acknowledged" in program.stderr


@pytest.mark.parametrize("options, properties, message", [
    (["-t", "$share/g/x"], b"\x2a\0", "the broker has no shared subscriptions, as '$share/g/x' is"),
    (["-t", "a/+"], b"\x28\0", "the broker has no wildcards in subscriptions, as 'a/+' has"),
])
def test_a_subscription_that_the_broker_does_not_have(broker, start, options, properties, message):
    program = start("subscribe", broker.port, *options)
    broker.accept(properties=properties)
    assert program.wait() == 1
    assert message in program.stderr


def test_routes_that_overlap_need_subscription_identifiers(broker, programs, tmp_path):
    program = programs.start("bridge", "-h", "127.0.0.1", "-p", broker.port, "-b", f"127.0.0.1:{free_port()}", "--spool", tmp_path / "spool",
                             "--route", "a/+=x", "--route", "+/b=y", "--route", "c/d=z", "--route", "c/#=z")
    broker.accept(properties=b"\x29\0")
    assert program.wait() == 1
    assert "the broker has no subscription identifiers, which tell the copies of a message that 'a/+' and another filter match" in program.stderr


def test_a_session_that_is_kept_for_less(broker, start):
    program = start("bridge", broker.port)
    broker.accept(properties=number(0x11, 60, 4))
    program.wait_for_log("warning: the MQTT broker .* keeps the session for 60 s only, not for the 31536000 s asked for")


# ---- the size of a packet ----


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_that_is_larger_than_the_broker_takes(broker, start, qos):
    program = start("publish-co2", broker.port, "-q", qos)
    broker.accept(properties=number(0x27, 100, 4))
    assert program.wait() == 1
    assert re.search(r"a message to the topic 'co2' is a packet of 1\d\d bytes, and the MQTT broker \S+ takes 100 at most", program.stderr)
    assert "lost" not in program.stderr


@pytest.mark.parametrize("room, status", [(0, 0), (-1, 1)])
def test_a_message_that_just_fits(broker, start, room, status):
    """The limit counts the whole packet."""
    program = start("publish-co2", broker.port)
    session = broker.accept()
    flags, body = session.expect(PUBLISH)
    session.send(PUBACK, body[5:7])
    assert program.wait() == 0
    size = 1 + (1 if len(body) < 128 else 2) + len(body) + room
    program = start("publish-co2", broker.port)
    session = broker.accept(properties=number(0x27, size, 4))
    if status == 0:
        session.send(PUBACK, session.expect_publish()[0])
    assert program.wait() == status, program.stderr


def test_a_broker_that_tells_only_when_it_is_too_large(broker, start):
    program = start("publish-co2", broker.port)
    session = broker.accept()
    session.expect_publish()
    session.send(DISCONNECT, b"\x95")
    assert program.wait() == 1
    assert "takes no message of the size that was published (0x95 Packet too large)" in program.stderr


# ---- the keep alive ----


@pytest.mark.parametrize("name", ["bridge", "subscribe", "publish-co2"])
def test_the_brokers_keep_alive_is_used(broker, start, name):
    program = start(name, broker.port, "--keepalive", "20")
    session = broker.accept(properties=number(0x13, 1, 2))
    assert session.keepalive == 20
    session.expect(DISCONNECT)
    session = broker.accept(properties=number(0x13, 1, 2))
    assert session.keepalive == 1
    assert "wants a keep alive of 1 s at most" in program.stderr
    if name != "publish-co2":
        session.send(SUBACK, session.take_subscribe() + b"\0\1")
    else:
        session.expect_publish()
    assert session.read(2) == b"\xc0\0"  # a ping
    program.kill()


def test_a_session_that_begins_with_the_longer_keep_alive_is_a_new_one(broker, start):
    program = start("bridge", broker.port)
    broker.accept(properties=number(0x13, 1, 2)).expect(DISCONNECT)
    session = broker.accept(session_present=True, properties=number(0x13, 1, 2))
    session.send(SUBACK, session.take_subscribe() + b"\0\x87")
    assert program.wait() == 1  # it had never been granted
    assert ", session present" not in program.stderr


def test_a_keep_alive_that_a_broker_refuses(broker, start):
    """MQTT 3.1.1 has no reason code for this. Mosquitto with max_keepalive answers so from 2.0.12 on."""
    program = start("subscribe", broker.port, "-V", "3.1.1")
    session = broker.meet()
    session.take_connect()
    session.send(CONNACK, b"\0\2")
    assert program.wait() == 1
    assert "refuses the connection (0x02 Identifier rejected): choose another --id, or a shorter --keepalive" in program.stderr


# ---- a broker's reasons ----


def test_a_server_that_is_unavailable_has_a_name(broker, start):
    program = start("subscribe", broker.port, "-V", "3.1.1")
    session = broker.meet()
    session.take_connect()
    session.send(CONNACK, b"\0\3")
    program.wait_for_log(r"warning: .* refuses the connection \(0x03 Server unavailable\); trying again in")
    broker.accept().take_subscribe()


def test_another_server_that_is_to_be_used(broker, start):
    program = start("subscribe", broker.port)
    session = broker.accept()
    properties = text(0x1C, "other.example:1884") + text(0x1F, "this one is full")
    session.send(DISCONNECT, b"\x9c" + session.encode(properties))
    program.wait_for_log("reason 0x9C Use another server, the server to use is 'other.example:1884': 'this one is full'; trying again in")


@pytest.mark.skipif(SHARED_PAHO, reason="Paho tells nothing of a CONNACK that refuses")
def test_a_server_that_has_moved(broker, start):
    program = start("subscribe", broker.port)
    session = broker.meet()
    session.take_connect()
    session.send(CONNACK, b"\0\x9d" + session.encode(text(0x1C, "new.example:1884") + text(0x1F, "moved")))
    assert program.wait() == 1
    assert "(0x9D Server moved, the server to use is 'new.example:1884': 'moved'): give the new address with --host" in program.stderr


@pytest.mark.parametrize("code, name", [(0x83, "Implementation specific error"), (0x91, "Packet Identifier in use"), (0x97, "Quota exceeded")])
def test_a_subscription_that_is_refused_for_the_moment(broker, start, code, name):
    program = start("subscribe", broker.port)
    session = broker.accept()
    session.send(SUBACK, session.take_subscribe() + session.encode(text(0x1F, "later")) + bytes([code]))
    program.wait_for_log(rf"warning: the broker refuses the subscription to 'x' \(0x{code:02X} {name}: 'later'\).*; trying again in")
    session.send(SUBACK, session.take_subscribe() + b"\0\0")  # on the same connection
    program.wait_for_log("subscribed to 'x' at QoS 0")
    assert program.stop() == 0


@pytest.mark.parametrize("code", [0x80, 0x87, 0x8F, 0x97, 0x9E, 0x00])
def test_a_bridge_whose_session_is_there_does_not_give_up(broker, start, code):
    program = start("bridge", broker.port)
    session = broker.accept(session_present=True)
    session.send(SUBACK, session.take_subscribe() + bytes([0, code]))
    program.wait_for_log("warning: the broker .*; trying again in")
    session.send(SUBACK, session.take_subscribe() + b"\0\1")
    program.wait_for_log("subscribed to 'x' at QoS 1")
    program.kill()


def test_a_broker_that_closes_at_a_subscription(broker, start):
    program = start("subscribe", broker.port)
    for _ in range(4):
        session = broker.accept()
        session.take_subscribe()
        session.close()
    wait_in_log(program, r"\(it ends when the program subscribes: does the broker allow that, and know such filters\?\)")
    assert "client id" not in program.stderr
    program.kill()


@pytest.mark.parametrize("qos", [0, 1])
def test_a_broker_that_closes_at_a_message(broker, start, qos):
    program = start("publish-co2", broker.port, "-q", qos, "--limit", "300", "--rate", "20")
    for _ in range(4):
        session = broker.accept()
        session.expect(PUBLISH)
        session.close()
    wait_in_log(program, r"\(it ends when a message is published: does the broker allow that, and take such a QoS, --retain and size\?\)")
    program.kill()


# ---- answers that answer nothing ----


@pytest.mark.parametrize("version, codes", [
    ("3.1.1", b"\0"), ("3.1.1", b"\1\1"), ("3.1.1", b"\2" * 120), ("3.1.1", b"\3"), ("3.1.1", b"\xff"),
    ("5", b"\0\0"), ("5", b"\x80\x80"), ("5", b"\3"), ("5", b"\x7f" * 100),
])
@pytest.mark.parametrize("filters", [1, 3])
def test_an_answer_with_codes_that_were_not_asked_for(broker, start, version, codes, filters):
    """Too many reason codes, or codes that do not exist. Each of three filters has a SUBSCRIBE of its own."""
    program = start("subscribe", broker.port, "-V", version, *("-t", "y", "-t", "z")[:2 * filters - 2])
    session = broker.accept()
    for _ in range(filters):
        try:
            session.send(SUBACK, session.take_subscribe() + session.encode() + codes)
        except (AssertionError, OSError):  # it has left
            break
    if codes == b"\0":
        program.wait_for_log("subscribed to 'x'")
        assert program.stop() == 0
    else:
        assert program.wait() == 1, program.stderr
        assert re.search(r"to '\w' (with something else than an answer to it|\(0xFF )", program.stderr), program.stderr


# ---- wrong use ----


@pytest.mark.parametrize("name", ["bridge", "subscribe", "publish-co2"])
@pytest.mark.parametrize("identifier", ["", " "])
def test_an_empty_id_is_wrong_use(start, name, identifier):
    program = start(name, 1, "-i", identifier)
    assert program.wait() == 2
    assert "--id is empty: the broker knows a session by its client's id" in program.stderr
