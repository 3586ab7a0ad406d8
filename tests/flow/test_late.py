"""A request that arrives late, after its client has given it up. Exactly once, nothing is lost or doubled by it."""

import json
import threading

import pytest
from bridges import Bridge, numbers, publish_numbers
from brokers import Brokers
from clients import MqttClient, read_topic, topic_partitions
from late_proxy import ADD_PARTITIONS, END_TXN, PRODUCE, TXN_OFFSET_COMMIT, LateProxy, read_kafka
from ports import free_port
from programs import Programs
from sensors import Room, expected, rows
from waiting import wait_until


class Late:
    """Holds the first request of a kind. When the client has given it up and begun another transaction, it is delivered right
    before that transaction's next request of the kind `before`: the second one, so that a part of the transaction is in Kafka."""

    def __init__(self, kind, before):
        self.kind, self.before = kind, before
        self.held = None  # its connection
        self.delivered = threading.Event()
        self._seen = []   # what came since it was held

    async def choose(self, connection, request):
        if self.held is None and request.kind == self.kind:
            self.held = connection
            return True
        if self.held is None or self.delivered.is_set():
            return False
        self._seen.append(request.kind)
        if self._is_due(request):
            await connection.answered()
            await self.held.deliver()
            self.delivered.set()
            self.after(connection, request)
        return False

    def _is_due(self, request):
        """The first transaction ends with an EndTxn, perhaps repeated. The next one has begun when it has a partition."""
        if request.kind != self.before or END_TXN not in self._seen or not self.held.gone.is_set():
            return False
        later = self._seen[self._seen.index(END_TXN):]
        return ADD_PARTITIONS in later and later.count(self.before) >= 2

    def after(self, connection, request):
        """Called once it is delivered, before the request that it was due before is passed on."""


class LateAndSilent(Late):
    """From the next request on, the client gets no answers."""

    def after(self, connection, request):
        for each in connection.proxy.connections:
            each.mute = True
        self.is_answered = lambda: request.number in connection.answers


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Brokers, and a proxy before Kafka."""
    proxy = LateProxy(free_port(), read_kafka)
    brokers = Brokers(tmp_path_factory.mktemp("brokers"))
    brokers.kafka.arguments = ("--kafka-proxied-port", f"{proxy.target}:{proxy.port}")
    with brokers:
        yield brokers, proxy
    proxy.close()


@pytest.fixture
def bridge(pair, tmp_path):
    brokers, proxy = pair
    programs = Programs(tmp_path / "programs", {**brokers.env, "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{proxy.port}"})
    yield Bridge(programs, tmp_path, "--delivery", "exactly-once", "-X", "socket.timeout.ms=1500", "-X", "batch.num.messages=50")
    programs.end_all()


def publish_around(late, pair, bridge):
    """500 messages in two transactions at least; the request that is held is of the first."""
    brokers, proxy = pair
    proxy.choose = late.choose
    bridge.start()
    with MqttClient(brokers.mqtt.port) as client:
        publish_numbers(client, bridge.topic, 1, 100, qos=2)
        wait_until(lambda: late.held, 30, "a request is held")
        publish_numbers(client, bridge.topic, 101, 500, qos=2)
    assert late.delivered.wait(60), bridge.program.stderr


def all_numbers(brokers, bridge):
    """The numbers that consumers read, once none is missing."""
    def read():
        return numbers(read_topic(brokers.kafka.address, bridge.topic))

    def what():
        found = read()
        return f"500 messages in Kafka, not {len(set(found))} and {len(found) - len(set(found))} doubles; {bridge.program.stderr}"

    return wait_until(lambda: (found := read()) and len(set(found)) == 500 and found, 60, what)


def test_a_late_end_does_not_end_the_next_transaction(pair, bridge):
    publish_around(Late(END_TXN, PRODUCE), pair, bridge)
    assert all_numbers(pair[0], bridge) == list(range(1, 501))
    assert bridge.stop() == {"received": 500, "delivered": 500, "spooled": 0, "dead": 0}


def test_a_late_position_does_not_set_the_next_one_back(pair, bridge):
    """The bridge ends without knowing that its second transaction is committed: Kafka's position alone tells that."""
    late = LateAndSilent(TXN_OFFSET_COMMIT, END_TXN)
    publish_around(late, pair, bridge)
    wait_until(late.is_answered, 30, "the second transaction is committed")
    bridge.kill()
    bridge.start()
    assert all_numbers(pair[0], bridge) == list(range(1, 501))
    assert bridge.stop()["spooled"] == 0


@pytest.fixture
def estimate(pair, tmp_path):
    """Returns its room; start() starts it, again after kill()."""
    brokers, proxy = pair
    room = Room(brokers.kafka.address, tmp_path).create()
    programs = Programs(tmp_path / "programs", {**brokers.env, "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{proxy.port}"})
    room.output = f"{room.name}-estimates"
    room.start = lambda: programs.start("estimate", "-m", room.model, "-t", room.output, "-i", room.output,
                                        "-X", "socket.timeout.ms=1500", "-X", "batch.num.messages=20")
    yield room
    programs.end_all()


MOMENTS = [{**row, "Date": f"2024/01/{day:02}"} for day in range(1, 4) for row in rows()[:60]]


def estimate_around(late, proxy, room):
    """Sends all moments but the first few while the request is held; returns the program."""
    proxy.choose = late.choose
    program = room.start()
    room.send_all(MOMENTS[:10])
    wait_until(lambda: late.held, 30, "a request is held")
    room.send_all(MOMENTS[10:])
    assert late.delivered.wait(60), program.stderr
    return program


def wait_for_estimates(brokers, room, program):
    """Each moment must have one record, in order."""
    def read():
        there = topic_partitions(brokers.kafka.address, room.output)
        found = [json.loads(message.value()) for message in read_topic(brokers.kafka.address, room.output)] if there else []
        return len(found) >= len(MOMENTS) and found

    found = wait_until(read, 60, lambda: f"all records; {program.stderr[-3000:]}")
    assert [(record["seq"], record["time"], record["estimate"]) for record in found] == \
        [(seq, *expected(row)[:2]) for seq, row in enumerate(MOMENTS, 1)]


def test_estimate_and_a_late_end(pair, estimate):
    program = estimate_around(Late(END_TXN, PRODUCE), pair[1], estimate)
    wait_for_estimates(pair[0], estimate, program)
    assert program.stop() == 0


def test_estimate_and_a_late_position(pair, estimate):
    """It ends without knowing that its second transaction is committed: Kafka's position alone tells that."""
    late = LateAndSilent(TXN_OFFSET_COMMIT, END_TXN)
    program = estimate_around(late, pair[1], estimate)
    wait_until(late.is_answered, 30, "the second transaction is committed")
    program.kill()
    program = estimate.start()
    wait_for_estimates(pair[0], estimate, program)
    assert program.stop() == 0
