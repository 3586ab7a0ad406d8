"""No broker keeps a program waiting for ever, at whatever step of connecting: the program leaves it, says so, and tries again.

The waits are real, so all cases run side by side."""

import concurrent.futures
import re
import time

import pytest
from certificates import Authority
from programs import ROOT, SHARED_PAHO
from scripted_broker import CONNACK, PUBACK, PUBLISH, SUBACK, ScriptedBroker

LIMIT = 70  # seconds: the longest of the deadlines, twice

PROGRAMS = {
    "publish": ["publish-co2", "--file", ROOT / "data" / "occupancy-sample.csv", "--fast", "--limit", "1"],
    "subscribe": ["subscribe", "-t", "x"],
    "bridge": ["bridge", "-t", "x", "--brokers", "127.0.0.1:9", "--drain-timeout", "0"],
}
REASON = b"\x1f\0\x64" + b"r" * 100  # a property that makes a packet long


def wait_for_leave(session):
    session.connection.settimeout(LIMIT)
    session.read_to_the_end()


def trickle(session, data):
    """A byte a second, whatever comes."""
    session.connection.settimeout(1)
    end = time.monotonic() + LIMIT
    for byte in data:
        assert time.monotonic() < end, "the client does not leave"
        session.connection.sendall(bytes([byte]))
        try:
            if not session.connection.recv(4096):
                return
        except TimeoutError:
            pass
    wait_for_leave(session)


def packet(kind, body):
    return bytes([kind << 4, len(body)]) + body


def accept(session):
    session.take_connect()
    session.send(CONNACK, b"\0\0\0")


def silent(session):
    wait_for_leave(session)


def connack_byte_by_byte(session):
    session.take_connect()
    trickle(session, packet(CONNACK, b"\0\0" + session.encode(REASON)))


def no_suback(session):
    accept(session)
    session.take_subscribe()
    wait_for_leave(session)


def suback_byte_by_byte(session):
    accept(session)
    trickle(session, packet(SUBACK, session.take_subscribe() + session.encode(REASON) + b"\1"))


def puback_byte_by_byte(session):
    accept(session)
    trickle(session, packet(PUBACK, session.expect_publish()[0] + b"\0" + session.encode(REASON)))


def publish_byte_by_byte(session):
    accept(session)
    session.send(SUBACK, session.take_subscribe() + session.encode() + b"\1")
    trickle(session, packet(PUBLISH, b"\0\1x" + session.encode() + b"p" * 100))


def tls_byte_by_byte(session):
    """A ServerHello."""
    trickle(session, b"\x16\x03\x03\1\0\2\0\0\xfc" + bytes(LIMIT))


NO_CONNECTION = "cannot connect to the MQTT broker .*trying again in"
NO_SUBSCRIPTION = "does not answer the subscription"
TOO_SLOW = r"has sent \d+ bytes of a packet in the last \d+ s: leaving it"
CONNECTING = {  # what the broker does: the address, how, and what the program then says
    "silent": ("mqtt", silent, NO_CONNECTION),
    "TLS, silent": ("mqtts", silent, NO_CONNECTION),
    "TLS, byte by byte": ("mqtts", tls_byte_by_byte, NO_CONNECTION),
    "CONNACK, byte by byte": ("mqtt", connack_byte_by_byte, NO_CONNECTION),
}
SUBSCRIBING = {
    "no SUBACK": ("mqtt", no_suback, NO_SUBSCRIPTION),
    "SUBACK, byte by byte": ("mqtt", suback_byte_by_byte, NO_SUBSCRIPTION),
    "PUBLISH, byte by byte": ("mqtt", publish_byte_by_byte, TOO_SLOW),
}
PUBLISHING = {"PUBACK, byte by byte": ("mqtt", puback_byte_by_byte, TOO_SLOW)}
CASES = {f"{program}: {case}": (program, *how) for program in PROGRAMS
         for case, how in {**CONNECTING, **(PUBLISHING if program == "publish" else SUBSCRIBING)}.items()}


def drain(broker):
    """Closes connections that are there already, such as one that only looks for the reason."""
    broker.socket.settimeout(0)
    try:
        while True:
            broker.meet().close()
    except BlockingIOError:
        broker.socket.settimeout(LIMIT)


def try_case(programs, folder, authority, case, program, scheme, play, said):
    label = re.sub(r"\W+", "-", case)
    name, *options = PROGRAMS[program]
    if name == "bridge":
        options += ["--spool", folder / label]
    if scheme == "mqtts":
        options += ["--cafile", authority.certificate]
    with ScriptedBroker() as broker:
        started = programs.start(name, "-h", f"{scheme}://127.0.0.1:{broker.port}", *options, label=label)
        play(broker.meet())
        started.wait_for_log(said)
        drain(broker)
        broker.meet()
        assert started.is_running()
        started.kill()


@pytest.mark.skipif(SHARED_PAHO, reason="what Paho's shared library reads is not looked after")
def test_a_broker_that_keeps_a_client_waiting_is_left(programs, tmp_path):
    authority = Authority(tmp_path / "ca", "authority")
    with concurrent.futures.ThreadPoolExecutor(len(CASES)) as pool:
        tries = {case: pool.submit(try_case, programs, tmp_path, authority, case, *how) for case, how in CASES.items()}
        wrong = {case: failure for case, attempt in tries.items() if (failure := attempt.exception())}
    assert not wrong, "\n".join(f"{case}: {failure!r}" for case, failure in wrong.items())
