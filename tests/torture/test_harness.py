"""The harness itself: a broken promise must be noticed, and a seed must repeat a plan."""

import asyncio
import hashlib
import random
import socket
import struct
import threading
from collections import Counter
from contextlib import contextmanager

import plan
import pytest
from late import Lateness
from late_proxy import read_mqtt
from ledger import Count, missing
from power_loss import lose_unsynced
from proxy import Proxy
from publisher import expected
from refusal import STARTS, Refusal
from run import Outcome, Settings
from spool_reader import checksum
from waiting import wait_until
from whole import compare


class Record:
    """Like confluent_kafka.Message."""

    def __init__(self, text, key=None):
        self._value, self._key = text.encode(), (key or text.partition(" ")[0]).encode()

    def value(self):
        return self._value

    def key(self):
        return self._key


def count_of(*texts):
    count = Count()
    for text in texts:
        count.add(Record(text))
    return count


def test_count_finds_what_is_lost_doubled_and_out_of_order():
    count = count_of("a 1", "b 1", "a 3", "a 2", "a 3", "b 2")
    assert (count.records, count.distinct(), count.out_of_order) == (6, 5, 1)
    assert missing({"a": 4, "b": 2}, count.seen) == ["a 4"]


def test_count_takes_what_comes_again_in_order_for_a_double_only():
    count = count_of("a 1", "a 2", "a 3", "a 2", "a 3", "a 4")
    assert (count.records - count.distinct(), count.out_of_order) == (2, 0)


def test_count_finds_foreign_records_and_keys():
    count = count_of("a 1", "nonsense")
    count.add(Record("a 2", key="b"))
    assert count.foreign == 2


def test_publisher_spreads_the_messages_over_the_keys():
    assert expected(10) == {"a": 3, "b": 3, "c": 2, "d": 2}


SETTINGS = Settings(mode="at-least-once", kills=1, messages=10, rate=1, seed=1, kinds=plan.DEFAULT)
CLOSING = {"received": 10, "delivered": 10, "spooled": 0, "dead": 0}


def test_a_kept_promise():
    assert not Outcome(SETTINGS, closing=CLOSING, doubled=3, bound=3).broken()


@pytest.mark.parametrize("change", [
    {"lost": ["a 1"]}, {"again": 1}, {"doubled": 4}, {"out_of_order": 1}, {"foreign": 1}, {"troubles": ["it ended by itself"]},
    {"closing": {**CLOSING, "spooled": 1}}, {"closing": {**CLOSING, "dead": 1}},
])
def test_a_broken_promise(change):
    assert len(Outcome(SETTINGS, **{"closing": CLOSING, "bound": 3, **change}).broken()) == 1


def test_a_seed_repeats_the_plan():
    def lines(seed):
        return list(plan.draw(seed, "exactly-once", plan.ALL, 20, 60, 1000).lines())

    assert lines(1) == lines(1) != lines(2)


def test_every_fault_is_planned():
    drawn = plan.draw(1, "exactly-once", plan.ALL, 30, 60, 1000)
    planned = {fault.kind for faults in drawn.faults.values() for fault in faults}
    assert planned == set(plan.ALL) - set(plan.DEATHS)
    assert any(life.power_loss for life in drawn.lives) and any(life.failpoint for life in drawn.lives)
    assert any(not life.power_loss and not life.failpoint for life in drawn.lives) and any(life.allocations for life in drawn.lives)


def test_a_new_fault_leaves_the_plans_of_old_seeds():
    plans = "".join(line for mode in plan.FAILPOINTS for line in plan.draw(15, mode, plan.DEFAULT, 210, 200, 1000).lines())
    assert hashlib.sha256(plans.encode()).hexdigest()[:16] == "1acb3b3643066ba2"


class FakeBridge:
    """A bridge that is started on a damaged spool. act: what it does to the folder; returns its exit status."""

    def __init__(self, spool, act, says="error: it is damaged: --spool-repair"):
        self.spool, self._act, self.stderr, self.name = spool, act, says, "fake"
        self.program = self

    def start(self, subscribed):
        assert not subscribed

    def wait(self, _limit):
        return self._act(self.spool) or 1


def touch(folder):
    (folder / "new").write_bytes(b"")


@pytest.mark.parametrize("act, says, troubles", [
    (lambda folder: 1, "error: it is damaged: --spool-repair", 0),
    (touch, "error: it is damaged: --spool-repair", 1),
    (lambda folder: 3, "error: it is damaged: --spool-repair", STARTS),
    (lambda folder: 1, "error: it is damaged", STARTS),
])
def test_a_refused_start_that_is_none(tmp_path, act, says, troubles):
    spool = tmp_path / "spool"
    spool.mkdir()
    slot = b"RSPOSIT\x1a" + struct.pack("<II", 1, 1) + bytes(80)
    position = slot + struct.pack("<Q", checksum(slot))
    for name, data in (("position", position), ("00000000000000000001.seg", b"records")):
        (spool / name).write_bytes(data)
    refusal = Refusal(FakeBridge(spool, act, says), random.Random(1))
    assert len(refusal.strike("no-segments")) >= troubles and bool(refusal.strike("no-segments")) == bool(troubles)
    assert (spool / "00000000000000000001.seg").read_bytes() == b"records"
    assert [path.name for path in tmp_path.iterdir()] == ["spool"]


@contextmanager
def serving(take):
    """The port of a server that calls take(connection, data) for all that it receives."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def receive(connection):
            with connection:
                try:
                    while data := connection.recv(4096):
                        take(connection, data)
                except ConnectionError:
                    pass

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=receive, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def echo():
    """The port of a server that sends everything back."""
    with serving(socket.socket.sendall) as port:
        yield port


@pytest.fixture
def proxy(echo):
    forwarding = Proxy(echo)
    yield forwarding
    forwarding.close()


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), 5)


def says(connection, data):
    """Whether data comes back within a moment."""
    connection.sendall(data)
    connection.settimeout(0.5)
    try:
        return connection.recv(4096) == data
    except TimeoutError:
        return False


def test_proxy_forwards_what_comes_at_once(proxy):
    for _ in range(50):
        with connect(proxy) as connection:
            assert says(connection, b"early")


def test_proxy_goes_silent_and_speaks_to_new_connections(proxy):
    with connect(proxy) as old:
        assert says(old, b"one")
        proxy.go_silent()
        with connect(proxy) as silent:
            assert not says(old, b"two") and not says(silent, b"three")
            proxy.speak_again()
            assert not says(old, b"four") and not says(silent, b"five")
        with connect(proxy) as new:
            assert says(new, b"six")


def test_proxy_cuts(proxy):
    with connect(proxy) as connection:
        assert says(connection, b"one")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_power_loss_leaves_what_was_synced(tmp_path):
    spool, synced = tmp_path / "spool", tmp_path / "synced"
    for folder, files in ((synced, {"1.seg": b"gone", "2.seg": b"abc", "entries": b"1.seg\n2.seg\nlock\n"}),
                          (spool, {"2.seg": b"abcdef", "3.seg": b"never synced", "lock": b"1"})):
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
    lose_unsynced(spool, synced, random.Random(1))
    assert sorted(path.name for path in spool.iterdir()) == ["1.seg", "2.seg"]
    assert (spool / "1.seg").read_bytes() == b"gone"
    assert (spool / "2.seg").read_bytes().startswith(b"abc")


def test_late_leaves_the_plan_of_the_others():
    def others(kinds):
        drawn = plan.draw(1, "exactly-once", kinds, 20, 60, 1000)
        return drawn.lives, {place: faults for place, faults in drawn.faults.items() if place != "way"}

    assert others(plan.DEFAULT) == others((*plan.DEFAULT, "late"))


@pytest.fixture
def recorder():
    """The port of a server, and what it has received of all connections."""
    received = []
    with serving(lambda _connection, data: received.append(data)) as port:
        yield port, received


PUBACK, PUBCOMP = bytes((0x40, 2, 0, 1)), bytes((0x70, 2, 0, 1))


def test_what_is_late_arrives_though_its_connection_is_lost(recorder):
    port, received = recorder
    lateness = Lateness(port, read_mqtt, random.Random(1))
    try:
        lateness.begin()
        with connect(lateness) as lost:
            def is_held():
                if not lateness.held:
                    lost.sendall(PUBACK)
                return lateness.held

            wait_until(is_held, 10, "a packet is held")
            before = len(b"".join(received))
            lateness.end()
            with connect(lateness) as other:
                other.sendall(PUBCOMP)
                wait_until(lateness.settled, 90, "what is late arrives")
        wait_until(lambda: b"".join(received)[before:] in (PUBCOMP + PUBACK, PUBACK + PUBCOMP), 10, "both are there")
        assert lateness.arrived == {"PUBACK": 1}
    finally:
        lateness.close()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 20000])
def test_packets_of_mqtt_are_told_apart(size):
    async def read():
        reader = asyncio.StreamReader()
        length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7]) if size < 16384 else bytes(
            [size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14])
        reader.feed_data(b"\x30" + length + b"x" * size + PUBACK)
        return await read_mqtt(reader), await read_mqtt(reader)

    first, second = asyncio.run(read())
    assert (first.kind, len(first.data) - size) == (3, 2 if size < 128 else 3 if size < 16384 else 4)
    assert second.data == PUBACK


def test_what_is_stored_is_as_often_there_as_it_was_published():
    published = Counter({1: 1, 2: 2, 3: 1})
    same = {"lost": 0, "doubled": 0, "published_again": 1, "unknown": 0}
    assert compare(3, published, {1: 1, 2: 2, 3: 1}) == same
    assert compare(3, published, {1: 1, 2: 1, 3: 1}) == same | {"lost": 1}
    assert compare(3, published, {1: 1, 2: 2}) == same | {"lost": 1}
    assert compare(3, published, {1: 2, 2: 2}) == same | {"lost": 1, "doubled": 1}
    assert compare(3, published, {1: 1, 2: 2, 3: 1, 4: 1}) == same | {"unknown": 1}
    assert compare(4, published, {1: 1, 2: 2, 3: 1}) == same | {"lost": 1}  # Mosquitto never had it
