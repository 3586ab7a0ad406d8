"""What the programs do on other brokers: docs/brokers.md, whose tables are those of matrix.py. Each cell is run, and the result must be
what the table says."""

import contextlib
import re
import subprocess
import uuid

import pytest
from bridges import Bridge, numbers
from certificates import Authority
from clients import MqttClient, read_topic, topic_partitions
from matrix import KAFKA_ROWS, KAFKA_TABLE, MQTT_ROWS, MQTT_TABLE, markdown
from other_brokers import Kfake, KafkaNode, Mosquitto, mosquitto_version
from programs import BIN, ROOT, tied
from secured import LOCAL
from waiting import wait_until

SAMPLE = ROOT / "data" / "occupancy-sample.csv"
DOCUMENT = ROOT / "docs" / "brokers.md"
ELSEWHERE = {"MQTT_HOST": "", "MQTT_PORT": ""}  # not the private Mosquitto of the other tests
MODES = {"at least once": ("at-least-once", 1), "exactly once": ("exactly-once", 2)}


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "the matrix")


@contextlib.contextmanager
def running(row, tmp_path_factory, authority):
    """The MQTT broker of a row."""
    kind = MQTT_ROWS[row]
    if kind is Mosquitto and row != f"Mosquitto {mosquitto_version()}":
        pytest.skip(f"the Mosquitto of this system is {mosquitto_version()}")
    server = kind(tmp_path_factory.mktemp(kind.__name__) / "state", authority.issue(kind.__name__, LOCAL))
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def broker(request, tmp_path_factory, authority):
    with running(request.param, tmp_path_factory, authority) as server:
        yield server


@pytest.fixture
def own_broker(request, tmp_path_factory, authority):
    """A broker for one test: it may not be able to start again."""
    with running(request.param, tmp_path_factory, authority) as server:
        yield server


@pytest.fixture(scope="module")
def kafka(request, tmp_path_factory):
    """The Kafka of a row."""
    folder = tmp_path_factory.mktemp("kafka")
    server = Kfake(folder) if KAFKA_ROWS[request.param] == "kfake" else KafkaNode(folder / "node", KAFKA_ROWS[request.param])
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory, authority):
    """For the rows of Kafka."""
    server = Mosquitto(tmp_path_factory.mktemp("mosquitto") / "state", authority.issue("mosquitto", LOCAL))
    try:
        yield server.start()
    finally:
        server.kill()


# ---- what is checked ----


def address(broker, transport, authority):
    """The options of our programs that lead to a broker."""
    version = ["-V", broker.version]
    if transport == "TLS":
        return ["-h", f"mqtts://localhost:{broker.tls_port}", "--cafile", authority.certificate, *version]
    return ["-h", f"mqtt://127.0.0.1:{broker.port}", *version]


def verdict(expected, found, doubles=False):
    """Whether each is there, once; doubles: or more often."""
    if not set(expected) <= set(found):
        return "missing"
    return "yes" if doubles or len(found) == len(set(found)) else "doubled"


def settled(read, expected, limit):
    """What read() returned last: once it holds all that is expected, or at the limit."""
    found = []

    def complete():
        found[:] = read()
        return set(expected) <= set(found)

    try:
        wait_until(complete, limit, "all is there")
    except AssertionError:
        pass
    return found


def publishes(broker, transport, authority, programs, qos):
    """publish-temp, read by another client."""
    topic, count = f"p{uuid.uuid4().hex[:8]}", 300
    with MqttClient(broker.port, version=broker.version) as reader:
        reader.subscribe(topic, qos)
        program = programs.run("publish-temp", "--file", SAMPLE, "--fast", "--limit", count, "-t", topic, "-q", qos,
                               *address(broker, transport, authority), env=ELSEWHERE)
        assert program.process.returncode == 0, program.stderr
        expected = [b'"seq":%d}' % number for number in range(1, count + 1)]
        found = settled(lambda: [b'"seq":' + message.payload.rpartition(b'"seq":')[2] for message in reader.messages], expected, 20)
    return verdict(expected, found, doubles=qos < 2)


def subscribes(broker, transport, authority, programs, qos):
    """subscribe, to which another client publishes."""
    topic, expected = f"s{uuid.uuid4().hex[:8]}", list(range(1, 301))
    program = programs.start("subscribe", "-t", topic, "-q", qos, "--log-level", "info", *address(broker, transport, authority))
    program.wait_for_log("subscribed to|refuse")
    with MqttClient(broker.port, version=broker.version) as client:
        for number in expected:
            client.publish(topic, b"%d" % number, qos)
        found = settled(lambda: list(map(int, program.stdout.split())), expected, 20)
    program.stop()
    return verdict(expected, found, doubles=qos < 2)


class Carried:
    """A bridge in one of the modes, and which of the published numbers it delivers."""

    def __init__(self, programs, folder, broker, options, kafka, mode):
        self.delivery, self.qos = MODES[mode]
        self.broker, self.kafka, self.last = broker, kafka, 0
        self.bridge = Bridge(programs, folder, "--delivery", self.delivery, "-b", kafka, *options)

    def start(self):
        """False when it is refused."""
        self.bridge.start(subscribed=False, env=ELSEWHERE)
        program = self.bridge.program
        wait_until(lambda: "subscribed to" in program.stderr or not program.is_running(), 60, lambda: program.stderr)
        if program.is_running():
            return True
        assert re.search("refuse|grant|needs --mqtt-version 5", program.stderr), program.stderr
        return False

    def publish(self, count, limit=30):
        """Another client publishes so many more numbers, and returns when the broker has taken them."""
        with MqttClient(self.broker.port, version=self.broker.version) as client:
            infos = [client.publish(self.bridge.topic, b"%d" % (self.last + i), self.qos) for i in range(1, count + 1)]
            for info in infos:
                client.published(info, limit)
        self.last += count

    def read(self):
        if not topic_partitions(self.kafka, self.bridge.topic):
            return []
        return numbers(read_topic(self.kafka, self.bridge.topic))

    def arrived(self, limit=30):
        return settled(self.read, range(1, self.last + 1), limit)

    def verdict(self, limit=30):
        """Also "late": what was missing comes once the bridge has connected again; "waits": it stands in the spool, which Kafka does
        not let the bridge empty; "lost": neither."""
        outcome = verdict(range(1, self.last + 1), self.arrived(limit), doubles=self.delivery == "at-least-once")
        if outcome != "missing":
            return outcome
        self.bridge.kill()
        self.start()
        if len(set(self.arrived(limit))) == self.last:
            return "late"
        return "waits" if "everything stays in the spool" in self.bridge.program.stderr.splitlines()[-1] else "lost"


def is_killed(carried):
    """SIGKILL of the bridge while messages flow; more come while it is away."""
    if not carried.start():
        return "refused"
    for _ in range(3):
        carried.publish(300)
        carried.bridge.kill()
        carried.publish(100)
        if not carried.start():
            return "refused"
    return carried.verdict()


def outlives_a_restart(carried):
    """The broker is restarted while the bridge is away and messages wait for it, and again while it is connected."""
    if not carried.start():
        return "refused"
    carried.publish(300)
    carried.arrived(5)
    carried.bridge.kill()
    carried.publish(300)
    try:
        carried.broker.restart()
    except AssertionError:
        if carried.broker.process.is_running():
            raise
        return "broker does not start again"
    if not carried.start():
        return "refused"
    carried.publish(300)
    carried.broker.restart()
    carried.bridge.program.wait_for_log(r"(?s) lost[;:].*(session present|subscribed to)", 90)
    carried.publish(300)
    return carried.verdict()


# ---- the cells ----


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
@pytest.mark.parametrize("cell", ["publish, QoS 1", "publish, QoS 2", "subscribe, QoS 1", "subscribe, QoS 2"])
@pytest.mark.parametrize("broker", MQTT_ROWS, indirect=True)
def test_publish_and_subscribe(request, broker, authority, programs, cell, transport):
    what, qos = cell.split(", QoS ")
    run = {"publish": publishes, "subscribe": subscribes}[what]
    judge(request, MQTT_TABLE, cell, run(broker, transport, authority, programs, int(qos)))


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("broker", MQTT_ROWS, indirect=True)
def test_a_bridge_that_is_killed(request, broker, authority, brokers, programs, tmp_path, mode, transport):
    carried = Carried(programs, tmp_path, broker, address(broker, transport, authority), brokers.kafka.address, mode)
    judge(request, MQTT_TABLE, f"bridge killed, {mode}", is_killed(carried))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("own_broker", MQTT_ROWS, indirect=True)
def test_a_broker_that_is_restarted(request, own_broker, authority, brokers, programs, tmp_path, mode):
    publishes(own_broker, "TCP", authority, programs, 1)  # a session that has come and gone
    carried = Carried(programs, tmp_path, own_broker, address(own_broker, "TCP", authority), brokers.kafka.address, mode)
    judge(request, MQTT_TABLE, f"broker restarted, {mode}", outlives_a_restart(carried))


@pytest.mark.parametrize("kafka", KAFKA_ROWS, indirect=True)
def test_kafka_produce_and_consume(request, kafka, programs):
    topic, expected = f"k{uuid.uuid4().hex[:8]}", list(range(1, 301))
    produced = subprocess.run(tied([BIN / "kafka-produce", "-b", kafka.address, "-t", topic]), timeout=60, capture_output=True,
                              input=b"".join(b"%d\n" % number for number in expected))
    consumed = programs.run("kafka-consume", "-b", kafka.address, "-t", topic, "-e", "-o", "beginning")
    assert (produced.returncode, consumed.process.returncode) == (0, 0), (produced.stderr, consumed.stderr)
    judge(request, KAFKA_TABLE, "kafka-produce, kafka-consume", verdict(expected, list(map(int, consumed.stdout.split()))))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kafka", KAFKA_ROWS, indirect=True)
def test_a_bridge_that_is_killed_before_kafka(request, kafka, mosquitto, authority, programs, tmp_path, mode):
    carried = Carried(programs, tmp_path, mosquitto, address(mosquitto, "TCP", authority), kafka.address, mode)
    judge(request, KAFKA_TABLE, f"bridge killed, {mode}", is_killed(carried))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kafka", KAFKA_ROWS, indirect=True)
def test_a_kafka_that_is_restarted(request, kafka, mosquitto, authority, programs, tmp_path, mode):
    """While messages flow."""
    carried = Carried(programs, tmp_path, mosquitto, address(mosquitto, "TCP", authority), kafka.address, mode)
    assert carried.start()
    carried.publish(300)
    kafka.restart()
    carried.publish(300)
    judge(request, KAFKA_TABLE, f"Kafka restarted, {mode}", carried.verdict(60))


@pytest.mark.parametrize("table", [MQTT_TABLE, KAFKA_TABLE], ids=["mqtt", "kafka"])
def test_the_document_has_the_tables(table):
    assert markdown(table) in DOCUMENT.read_text()


def row_of(request):
    callspec = request.node.callspec.params
    return next(callspec[name] for name in ("broker", "own_broker", "kafka") if name in callspec)


def judge(request, table, cell, outcome):
    expected = table[row_of(request)][cell]
    assert outcome in (expected if isinstance(expected, tuple) else (expected,)), (row_of(request), cell, outcome)
