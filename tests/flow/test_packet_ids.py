"""QoS 2 packet ids at a bridge that delivers exactly once, with brokers that start to count from 1 again."""

import re

import pytest
from ports import free_port
from scripted_broker import PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, ScriptedBroker

ID = b"\0\1"


def take_in(session):
    """Grants what a bridge asks for."""
    session.send(SUBACK, session.take_subscribe() + b"\0\2")


def publish(session, payload, properties=b"", again=False):
    session.connection.sendall(bytes([PUBLISH << 4 | 4 | (8 if again else 0), 6 + len(properties) + len(payload)]) + b"\0\1x" + ID
                               + bytes([len(properties)]) + properties + payload)
    assert session.expect(PUBREC)[1][:2] == ID


KEY = b"\x26\0\3key\0\1"
EXPIRY = b"\x02\0\0\0"


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("first, second, taken", [
    ((b"a",), (b"a",), 1),
    ((b"a", KEY + b"1" + EXPIRY + b"9"), (b"a", KEY + b"1" + EXPIRY + b"5"), 1),  # the broker has reduced the expiry
    ((b"a",), (b"b",), 2),
    ((b"a", KEY + b"1"), (b"a", KEY + b"2"), 2),
])
def test_a_packet_id_that_is_held_and_comes_again(programs, tmp_path, kill, first, second, taken):
    with ScriptedBroker() as broker:
        def start():
            return programs.start("bridge", "-h", "127.0.0.1", "-p", broker.port, "-t", "x", "--spool", tmp_path / "spool", "--delivery", "exactly-once",
                                  "--drain-timeout", "100ms", env={"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"})

        program = start()
        session = broker.accept()
        take_in(session)
        publish(session, *first)
        if kill:
            program.kill()
            program = start()
        else:
            session.close()
        session = broker.accept(session_present=True)
        take_in(session)
        publish(session, *second, again=True)
        publish(session, *second, again=True)  # the message that is held now
        session.send(PUBREL, ID)
        assert session.expect(PUBCOMP)[1][:2] == ID
        publish(session, *second)  # a new message
        assert program.stop(60) == 0
        received = re.search(r"stopped: received (\d+)", program.stderr)[1]
        assert int(received) == taken + 1, program.stderr
        assert ("sends another message under the packet id 1, which is not released" in program.stderr) == (taken == 2)
