"""A broker that answers anything: no program crashes, and each recovers once the broker is right again.

The answers are drawn from seeds: ROOMSTREAM_SEEDS=N tries N of them for each program (the label long: many more)."""

import concurrent.futures
import os
import random

import pytest
from ports import free_port
from programs import ROOT
from scripted_broker import (CONNACK, DISCONNECT, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, SUBSCRIBE, UNSUBACK,
                             ScriptedBroker)

SEEDS = int(os.environ.get("ROOMSTREAM_SEEDS", "3"))
AT_ONCE = 6
LIMIT = 60
PROGRAMS = {
    "publish": ["publish-co2", "--file", ROOT / "data" / "occupancy-sample.csv", "--fast", "--limit", "20"],
    "publish-qos2": ["publish-co2", "--file", ROOT / "data" / "occupancy-sample.csv", "--fast", "--limit", "20", "-q", "2"],
    "subscribe": ["subscribe", "-t", "x", "-t", "y", "-q", "2", "-C", "1"],
    "bridge": ["bridge", "-t", "x", "--drain-timeout", "100ms"],
    "bridge-exactly-once": ["bridge", "-t", "x", "--drain-timeout", "100ms", "--delivery", "exactly-once"],
}
CASES = [(name, version) for name in PROGRAMS for version in ("5", "3.1.1") if (name, version) != ("bridge-exactly-once", "3.1.1")]

# Of each kind of property one, encoded.
PROPERTIES = [b"\x01\1", b"\x02\0\0\0\1", b"\x03\0\1a", b"\x08\0\1b", b"\x09\0\1c", b"\x0b\5", b"\x11\0\0\0\1", b"\x12\0\1d", b"\x13\0\x14", b"\x15\0\1e",
              b"\x16\0\1f", b"\x17\1", b"\x18\0\0\0\1", b"\x19\1", b"\x1a\0\1g", b"\x1c\0\1h", b"\x1f\0\1i", b"\x21\0\x14", b"\x22\0\1", b"\x23\0\1",
              b"\x24\1", b"\x25\1", b"\x26\0\1j\0\1k", b"\x27\0\1\0\0", b"\x28\1", b"\x29\1", b"\x2a\1"]


def variable(number):
    encoded = b""
    while True:
        number, low = divmod(number, 128)
        encoded += bytes([low | (0x80 if number else 0)])
        if not number:
            return encoded


def packet(first, body, length=None):
    return bytes([first]) + variable(len(body) if length is None else length) + body


def properties(draw, version):
    if version != "5":
        return b""
    chosen = draw.sample(PROPERTIES, draw.randint(0, 4))
    encoded = b"".join(chosen * draw.choice([1, 1, 2]))
    return draw.choice([variable(len(encoded))] * 4 + [b"\x80", variable(len(encoded) + 3), b"\xff\xff\xff\xff\x7f"]) + encoded


def any_body(draw, kind, version, ids):
    """The content of such a packet, more or less right."""
    identifier = draw.choice(ids + [b"\0\0", b"\0\1", bytes([draw.randrange(256), draw.randrange(256)])])
    if kind == CONNACK:
        return bytes([draw.randint(0, 1), draw.choice([0, 0, 0, 3, 5, 0x80, 0x88, 0xFF])]) + properties(draw, version)
    if kind == PUBLISH:
        return b"\0\1x" + identifier + properties(draw, version) + b"payload"
    if kind in (SUBACK, UNSUBACK):
        return identifier + properties(draw, version) + bytes(draw.choices([0, 1, 2, 3, 0x80, 0x97, 0xFF], k=draw.randint(0, 4)))
    if kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        return identifier + draw.choice([b"", b"\0", b"\x10", b"\x87", b"\0" + properties(draw, version)])
    if kind == DISCONNECT:
        return draw.choice([b"", b"\x8b", b"\x9c" + properties(draw, version)])
    return draw.randbytes(draw.randint(0, 4))


def any_packet(draw, version, ids):
    kind = draw.choice([CONNACK, PUBLISH, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, DISCONNECT, draw.randrange(16)])
    body = any_body(draw, kind, version, ids)
    first = kind << 4 | draw.choice([0, 0, 2, 2, 4, draw.randrange(16)])
    damage = draw.randrange(8)
    if damage == 0:
        body = body[:draw.randint(0, len(body))]
    elif damage == 1 and body:
        at = draw.randrange(len(body))
        body = body[:at] + bytes([draw.randrange(256)]) + body[at + 1:]
    elif damage == 2:
        return packet(first, body, len(body) + draw.choice([1, 200, 1 << 20]))
    elif damage == 3:
        return bytes([first]) + b"\xff\xff\xff\xff\xff" + body
    return packet(first, body)


def annoy(session, draw, version):
    """Acts as a broker of the worst kind on one connection."""
    session.connection.settimeout(1)
    session.take_connect()
    if draw.random() < 0.2:
        session.connection.sendall(b"".join(any_packet(draw, version, []) for _ in range(draw.randint(1, 3))))
    session.send(CONNACK, b"\0\0" + session.encode())
    ids = []
    for _ in range(draw.randint(1, 4)):
        try:
            kind, body = session.receive()
            ids.append(body[:2] if kind == SUBSCRIBE else body[5:7])
        except TimeoutError:
            break
    for _ in range(draw.randint(1, 6)):
        session.connection.sendall(any_packet(draw, version, ids * 3))


def behave(session):
    """Acts as a right broker until the client leaves: accepts what is published, grants what is asked for, and sends a message."""
    session.take_connect()
    session.send(CONNACK, b"\0\0" + session.encode())
    while True:
        kind, body = session.receive()
        if kind == SUBSCRIBE:
            session.send(SUBACK, body[:2] + session.encode() + bytes([body[-1] & 3]))
            session.send(PUBLISH, b"\0\1x" + session.encode() + b"right")
        elif kind == PUBLISH:
            end = 2 + int.from_bytes(body[:2], "big")
            session.send(PUBREC if session.flags & 4 else PUBACK, body[end:end + 2])
        elif kind == PUBREL:
            session.send(PUBCOMP, body[:2])


def try_seed(programs, folder, name, version, seed):
    """Returns what went wrong, or None if nothing did."""
    draw = random.Random(f"{name} {version} {seed}")
    program, *options = PROGRAMS[name]
    if program == "bridge":
        options += ["--spool", folder / f"spool-{seed}"]
    with ScriptedBroker() as broker:
        process = programs.start(program, "-h", "127.0.0.1", "-p", broker.port, "-V", version, *options, label=f"{name}-{version}-{seed}",
                                 env={"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"})
        try:
            for bad in (True, True, False, False):
                session = meet(broker, process)
                if not session:
                    break
                try:
                    if bad:
                        annoy(session, draw, version)
                    else:
                        behave(session)
                except (OSError, AssertionError):
                    pass  # it has left, or says nothing
                finally:
                    session.close()
                if not bad and process.is_running() and program == "bridge":
                    break
        finally:
            status = process.stop(LIMIT) if process.is_running() else process.wait()
        if status < 0 or status > 2 or "Sanitizer" in process.stderr or "runtime error" in process.stderr:
            return f"seed {seed}: status {status}\n{process.stderr[-3000:]}"
    return None


def meet(broker, process):
    """Its next connection; None when it has ended."""
    broker.socket.settimeout(0.2)
    for _ in range(5 * LIMIT):
        try:
            return broker.meet()
        except TimeoutError:
            if not process.is_running():
                return None
    raise AssertionError(f"{process.name} neither ends nor comes back:\n{process.stderr[-3000:]}")


@pytest.mark.parametrize("name, version", CASES)
def test_no_program_crashes(programs, tmp_path, name, version):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        tries = [pool.submit(try_seed, programs, tmp_path, name, version, seed) for seed in range(SEEDS)]
        wrong = [found for attempt in tries if (found := attempt.result())]
    assert not wrong, f"{len(wrong)} of {SEEDS}\n" + "\n".join(wrong[:3])


# What Paho itself breaks on.


@pytest.mark.parametrize("qos, answers", [
    (1, [PUBCOMP, PUBACK]), (1, [SUBACK, PUBACK]), (1, [UNSUBACK, PUBACK]), (2, [PUBCOMP, PUBREC, PUBCOMP]), (2, [PUBACK, PUBREC]),
    (2, [PUBREC, PUBACK, PUBCOMP]), (2, [PUBREC, SUBACK, PUBCOMP])])
def test_a_message_that_is_acknowledged_by_the_wrong_kind_of_packet(programs, qos, answers):
    with ScriptedBroker() as broker:
        program = programs.start("publish-co2", "-h", "127.0.0.1", "-p", broker.port, "--file", ROOT / "data" / "occupancy-sample.csv", "--fast",
                                 "--limit", "1", "-q", qos)
        session = broker.accept()
        identifier = session.expect_publish()[0]
        for answer in answers:
            try:
                session.send(answer, identifier + (b"\0\0" if answer in (SUBACK, UNSUBACK) else b""))
            except OSError:
                break
        program.wait_for_log(r"lost: it breaks the protocol: a \w+ for what is not due one")
        session.close()
        while program.is_running():
            session = meet(broker, program)
            if session:
                try:
                    behave(session)
                except (OSError, AssertionError):
                    pass
        assert program.wait() == 0, program.stderr
        assert "1 acknowledged" in program.stderr


def test_properties_whose_length_has_no_end(programs):
    with ScriptedBroker() as broker:
        program = programs.start("subscribe", "-h", "127.0.0.1", "-p", broker.port, "-t", "x")
        session = broker.accept()
        session.send(SUBACK, session.take_subscribe() + b"\0\0")
        session.send(PUBLISH, b"\0\1x\x80")
        program.wait_for_log("it breaks the protocol: a PUBLISH whose properties are not whole")
        assert program.stop() == 0
