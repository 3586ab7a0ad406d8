"""The publishers and what a broker may legally answer (MQTT 5)."""

import re

import pytest
from programs import ROOT
from scripted_broker import CONNACK, CONNECT, DISCONNECT, PUBACK, PUBCOMP, PUBREC, PUBREL, ScriptedBroker

NOT_FOUND = b"\x92"
NOT_AUTHORIZED = b"\x87"


@pytest.fixture
def broker():
    with ScriptedBroker() as scripted:
        yield scripted


@pytest.fixture
def start(broker, programs):
    def begin(*options):
        return programs.start("publish-co2", "-h", "127.0.0.1", "-p", broker.port, "--file", ROOT / "data" / "occupancy-sample.csv", "--fast",
                              "--limit", "1", *options)

    return begin


def until_released(session):
    """Receives a message at QoS 2 up to its PUBREL, which is not answered; returns the packet id."""
    packet, again = session.expect_publish()
    assert not again
    session.send(PUBREC, packet)
    assert session.expect(PUBREL)[1][:2] == packet
    return packet


def test_a_release_of_what_the_broker_has_completed(broker, start):
    """Its PUBCOMP was lost with the connection. That the id is not found any more is not an error (section 3.7.2.1)."""
    program = start("-q", "2")
    session = broker.accept()
    packet = until_released(session)
    session.close()
    session = broker.accept(session_present=True)
    assert session.expect(PUBREL)[1][:2] == packet
    session.send(PUBCOMP, packet + NOT_FOUND)
    session.expect(DISCONNECT)
    assert program.wait() == 0, program.stderr
    assert "1 acknowledged" in program.stderr


def test_what_a_process_before_had_in_flight_is_sent_again(broker, start, tmp_path):
    """In a new session: the old one may hold packet ids of another replay."""
    options = ("-q", "2", "--resume", tmp_path / "state", "-i", "mine")
    program = start(*options)
    session = broker.accept()
    assert session.clean_start
    until_released(session)
    program.kill()
    program = start(*options)
    session = broker.accept()
    assert session.clean_start
    session.send(PUBCOMP, until_released(session))
    session.expect(DISCONNECT)
    assert program.wait() == 0, program.stderr
    assert "published 1 messages" in program.stderr


def test_a_message_that_was_refused_is_sent_by_the_next_process(broker, start, tmp_path):
    options = ("-q", "2", "--resume", tmp_path / "state")
    program = start(*options)
    session = broker.accept()
    packet, _ = session.expect_publish()
    session.send(PUBREC, packet + NOT_AUTHORIZED)
    assert program.wait() == 1, program.stderr
    assert "the broker refuses a message to the topic 'co2': 0x87 Not authorized" in program.stderr
    program = start(*options)
    session = broker.accept()
    session.send(PUBCOMP, until_released(session))
    session.expect(DISCONNECT)
    assert program.wait() == 0, program.stderr


def test_a_session_that_was_lost_with_a_message_in_flight(broker, start, tmp_path):
    """A broker that accepts one message at a time. The second one comes when the first has arrived, in the second session."""
    receive_maximum = b"\x21\0\1"
    program = start("-q", "2", "--resume", tmp_path / "state", "--limit", "2")
    session = broker.accept(properties=receive_maximum)
    session.expect_publish()
    session.send(DISCONNECT, b"\x8b")  # shutting down
    session.close()
    session = broker.accept(properties=receive_maximum)
    session.send(PUBCOMP, until_released(session))
    session.send(PUBCOMP, until_released(session))
    session.expect(DISCONNECT)
    assert program.wait() == 0, program.stderr
    assert "1 resent" in program.stderr
    assert "published 2 messages" in program.stderr


def test_an_acknowledgement_that_comes_twice(broker, start):
    program = start("-q", "1", "--limit", "2")
    session = broker.accept(properties=b"\x21\0\1")
    for _ in range(2):
        packet, again = session.expect_publish()
        assert not again
        session.send(PUBACK, packet)
        session.send(PUBACK, packet)
    session.expect(DISCONNECT)
    assert program.wait() == 0, program.stderr
    assert "2 acknowledged" in program.stderr


def test_a_broker_that_keeps_no_retained_messages(broker, start):
    program = start("--retain")
    broker.accept(properties=b"\x25\0")
    assert program.wait() == 1, program.stderr
    assert "the broker keeps no retained messages: leave out --retain" in program.stderr


# Each message is larger than the buffers of a connection.
MUCH = ("-q", "0", *("--property", "much=" + "x" * 60_000) * 20)
UNSENT = re.compile(r"warning: (\d+) messages at QoS 0 were not sent: the MQTT broker mqtt://127\.0\.0\.1:\d+ had not taken them")


def test_what_a_broker_that_stalls_at_the_end_does_not_take(broker, start):
    program = start(*MUCH, "--limit", "3")
    broker.accept()
    assert program.wait() == 0, program.stderr
    assert UNSENT.search(program.stderr)[1] == "3"


def test_what_a_broker_that_closes_the_connection_does_not_take(broker, start):
    program = start(*MUCH, "--limit", "3")
    session = broker.accept()
    program.wait_for_log("published 3 messages")
    session.close()
    assert program.wait() == 0, program.stderr
    assert UNSENT.search(program.stderr)[1] == "3"


def test_what_a_slow_broker_takes_in_the_end(broker, start):
    program = start(*MUCH)
    session = broker.accept()
    program.wait_for_log("published 1 messages")
    taken = session.read_to_the_end()
    assert program.wait() == 0, program.stderr
    assert taken.count(b"much") == 20
    assert taken[-9] == DISCONNECT << 4  # which ends the session
    assert "were not sent" not in program.stderr


def test_a_broker_that_speaks_only_the_version_before(broker, start):
    """Its CONNACK has no properties, not even their length of 0."""
    program = start()
    session = broker.meet()
    session.expect(CONNECT)
    session.send(CONNACK, b"\0\x01")
    assert program.wait() == 1, program.stderr
    assert "try another --mqtt-version" in program.stderr
