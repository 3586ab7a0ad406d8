"""scripts/run.sh: the whole pipeline, started, interrupted and started again as by a user."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import scrape
from clients import MqttClient, read_topic, wait_for_messages
from mosquitto import Mosquitto
from ports import free_port
from programs import BIN, ROOT, SENSORS, Program
from waiting import wait_until

RUN = ROOT / "scripts" / "run.sh"
JARS = os.environ.get("ROOMSTREAM_KAFKA_JARS") or Path(os.environ.get("ROOMSTREAM_STATE", ROOT / "var")) / "kafka-jars"
REAL_DATA = next(
    (path for path in (ROOT / "data" / "occupancy.csv", ROOT.parent / "shared" / "data" / "Occupancy_Estimation.csv") if path.exists()),
    None,
)
# Published a second by each sensor's program in the tests that interrupt a demo: the sample then lasts for 15 seconds.
SLOWLY = ("--rate", "80")


class Pipeline:
    """run.sh on a state folder and ports of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / "state"
        self.mqtt_port, self.kafka_port = free_port(), free_port()
        self.env = {
            "ROOMSTREAM_STATE": str(self.state), "ROOMSTREAM_KAFKA_JARS": str(JARS), "ROOMSTREAM_BIN": str(BIN),
            "MQTT_HOST": "localhost", "MQTT_PORT": str(self.mqtt_port),
            "KAFKA_BOOTSTRAP_SERVERS": f"localhost:{self.kafka_port}", "ROOMSTREAM_HTTP_PORT": str(free_port()),
        }
        self.started = []

    def start(self, *arguments, **env):
        program = Program([RUN, *arguments], self.folder, {**self.env, **env}, f"run-{len(self.started)}")
        self.started.append(program)
        return program

    def start_bridges(self):
        """run.sh alone; returns when every bridge is subscribed."""
        program = self.start()
        for sensor in SENSORS:
            program.wait_for_log(rf" {bridge(sensor)} info: subscribed to '{sensor}' ", 60)
        return program

    def start_demo_and_wait_for_messages(self):
        program = self.start("--demo", *SLOWLY)
        program.wait_for_log(r" [1-9][\d,]* messages in Kafka", 60)
        return program

    def status(self, *arguments):
        """What status prints. It finds the bridges by itself."""
        return subprocess.run([BIN / "status", *arguments], capture_output=True, text=True, timeout=30,
                              env={**os.environ, "ROOMSTREAM_STATE": str(self.state)})

    def sql(self, query):
        """What sqlite3 prints for a query of the stored readings."""
        return subprocess.run(["sqlite3", self.state / "readings.db", query], check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()

    @property
    def kafka(self):
        return f"127.0.0.1:{self.kafka_port}"

    def processes(self):
        """The processes that belong to it, by their environment: pid and command line."""
        mark = f"ROOMSTREAM_STATE={self.state}".encode()
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                pass  # it has ended, or is another user's
        return found

    def addresses(self):
        """Where each program serves HTTP, as Prometheus is told: by name."""
        groups = json.loads((self.state / "run" / "bridges.json").read_text())
        return {name: group["targets"][0] for group in groups for name in group["labels"].values()}

    def process(self, name):
        """The process id of the program NAME; fails if there is not exactly one."""
        pids = [pid for pid, command in self.processes().items() if command.startswith(f"{BIN / name} ")]
        assert len(pids) == 1, self.processes()
        return pids[0]

    def assert_nothing_left(self):
        assert self.processes() == {}
        for port in (self.mqtt_port, self.kafka_port):
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0, f"something listens on port {port}"

    def end_all(self):
        for program in self.started:
            if program.is_running():
                program.send(signal.SIGTERM)
                program.wait(120)


def bridge(sensor):
    return f"bridge-{sensor.replace('_', '-')}"


def cells(text):
    """The first three cells of each row of status. The name of store there contains that of the state folder."""
    return [[re.sub(r"^store-\d+$", "store", cell) for cell in line.split()[:3]] for line in text.splitlines()[1:]]


def all_well(*readers):
    """These cells, with the programs that read Kafka."""
    return [*([bridge(sensor), "subscribed", "connected"] for sensor in SENSORS),
            *([reader, "connected" if reader == "downlink" else "-", "connected"] for reader in readers)]


READERS = ("roomstream-estimate", "store", "downlink", "dashboard")


def parts(program):
    """The parts of what the demo prints: its table, the line about estimate, the output of status."""
    return program.stdout.decode().split("\n\n")


def table(program):
    """The demo's table: topic to [published, read back, lost, doubled, out of order, stored]."""
    rows = [line.split() for line in parts(program)[0].splitlines()[1:]]
    return {row[0]: [int(number.replace(",", "")) for number in row[1:]] for row in rows}


def expected(data):
    """The table for a replay of a whole file."""
    rows = len(data.read_text().splitlines()) - 1
    counts = {sensor: rows * len(columns) for sensor, columns in SENSORS.items()}
    counts["total"] = sum(counts.values())
    return {name: [count, count, 0, 0, 0, count] for name, count in counts.items()}


SAMPLE = ROOT / "data" / "occupancy-sample.csv"


@pytest.fixture
def pipeline(tmp_path):
    instance = Pipeline(tmp_path)
    yield instance
    instance.end_all()
    wait_until(lambda: not instance.processes(), 60, lambda: f"nothing is left: {instance.processes()}")


def check_demo(pipeline, program):
    assert table(program) == expected(SAMPLE)
    assert parts(program)[1] == "occupancy: 300 of 300 moments estimated"
    assert cells(parts(program)[2]) == all_well(*READERS)
    assert f"mqtt=127.0.0.1:{pipeline.mqtt_port}, kafka=127.0.0.1:{pipeline.kafka_port}" in program.stderr
    assert "every message is in Kafka, exactly once and in order, and stored once" in program.stderr
    assert re.search(r'back in MQTT: subscribe has seen (300|1) estimates on the topic room/occupancy, the last one \{.*"estimate":', program.stderr)


def test_demo_that_stays_and_once_more_with_a_configuration_file(pipeline, tmp_path):
    first = pipeline.start("--demo", "--fast", "--keep")
    first.wait_for_log("all stays up", 120)
    check_demo(pipeline, first)
    assert len(pipeline.sql("SELECT * FROM room LIMIT 5")) == 5
    page = scrape.request(re.search(r"see the room and the pipeline at http://(\S+)/;", first.stderr)[1], "/")
    assert page.status == 200 and "A demonstration: these readings are made up" in page.text
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does it
    assert first.wait(60) == 0, first.stderr
    pipeline.assert_nothing_left()
    config = tmp_path / "roomstream.conf"
    # The options before all sections suit the bridges only.
    config.write_text(f"host = localhost\nport = {pipeline.mqtt_port}\n[kafka]\nbrokers = localhost:{pipeline.kafka_port}\n")
    for name in ("MQTT_HOST", "MQTT_PORT", "KAFKA_BOOTSTRAP_SERVERS"):
        pipeline.env.pop(name)
    second = pipeline.start("--demo", "--fast", "--config", config)
    assert second.wait(120) == 0, second.stderr
    check_demo(pipeline, second)
    assert "store gets nothing of the configuration file but Kafka's address: store: " in second.stderr
    pipeline.assert_nothing_left()


@pytest.mark.skipif(REAL_DATA is None, reason="the real data set is not there (scripts/fetch-data.sh)")
@pytest.mark.long
def test_demo_with_the_real_data(pipeline):
    program = pipeline.start("--demo", "--fast", "--data", REAL_DATA)
    assert program.wait(240) == 0, program.stderr
    assert table(program) == expected(REAL_DATA)
    pipeline.assert_nothing_left()


@pytest.mark.long
def test_demo_says_what_it_has_not_seen(pipeline, tmp_path):
    """subscribe does not accept the file, though it only shows what comes back; and another database is not counted."""
    config = tmp_path / "roomstream.conf"
    config.write_text("window = 100\n")  # bridges and publishers have it
    program = pipeline.start("--demo", "--fast", "--config", config, ROOMSTREAM_DATABASE="postgresql://127.0.0.1:1/none")
    assert program.wait(150) == 0, program.stderr
    assert table(program) == {topic: numbers[:-1] for topic, numbers in expected(SAMPLE).items()}
    assert "subscribe has no option 'window'" in program.stderr and "no estimate has come back to the MQTT topic room/occupancy" in program.stderr
    assert "what store writes to another database than SQLite is not counted" in program.stderr
    assert re.search("every message is in Kafka, exactly once and in order$", program.stderr, re.MULTILINE), program.stderr
    pipeline.assert_nothing_left()


@pytest.mark.long
def test_demo_after_sigkill_in_the_middle(pipeline):
    first = pipeline.start_demo_and_wait_for_messages()
    assert len(pipeline.processes()) > 15
    frozen = pipeline.process("bridge-temp")
    os.kill(frozen, signal.SIGSTOP)  # it cannot end while this is stopped
    first.kill()
    second = pipeline.start("--demo", "--fast")
    second.wait_for_log(f"the pipeline: waiting for what an earlier start left behind: .*{frozen} bridge-temp")
    os.kill(frozen, signal.SIGCONT)
    assert second.wait(150) == 0, second.stderr
    assert table(second) == expected(SAMPLE)
    assert "started private brokers: mqtt=" in second.stderr  # not those that were about to end
    pipeline.assert_nothing_left()


@pytest.mark.long
def test_demo_after_ctrl_c_in_the_middle(pipeline):
    first = pipeline.start_demo_and_wait_for_messages()
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does it
    assert first.wait(60) == 130, first.stderr
    pipeline.assert_nothing_left()
    second = pipeline.start("--demo", "--fast")
    assert second.wait(120) == 0, second.stderr
    assert table(second) == expected(SAMPLE)


@pytest.mark.long
def test_demo_survives_killed_bridges(pipeline):
    program = pipeline.start_demo_and_wait_for_messages()
    for sensor in ("temp", "pir"):
        os.kill(pipeline.process(bridge(sensor)), signal.SIGKILL)
    program.wait_for_log("bridge-temp warning: was killed by SIGKILL; starting it again in 1 s")
    assert program.wait(150) == 0, program.stderr
    for name, (published, read, lost, doubled, _, stored) in table(program).items():
        assert (published, lost, read, stored) == (expected(SAMPLE)[name][0], 0, published + doubled, read), name


@pytest.mark.long
def test_demo_fails_when_a_publisher_fails(pipeline, tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text("Date,Time\n")
    program = pipeline.start("--demo", "--fast", "--data", broken)
    assert program.wait(120) == 1
    assert "not every publisher could replay its data" in program.stderr
    assert "broken.csv" in program.stderr
    pipeline.assert_nothing_left()


def test_demo_ends_at_once_with_the_cause_when_the_broker_refuses_the_password(pipeline, tmp_path):
    password_file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", password_file, "me", "right"], check=True, timeout=30)
    with Mosquitto(tmp_path / "mosquitto", f"listener {pipeline.mqtt_port} 127.0.0.1", f"password_file {password_file}", listen=False):
        program = pipeline.start("--demo", MQTT_USERNAME="me", MQTT_PASSWORD="wrong")
        assert program.wait(60) == 1
    assert "Not authorized" in program.stderr and "check --username, the password" in program.stderr, program.stderr
    assert "replaying" not in program.stderr


def test_ports_for_the_bridges():
    """The requested ports, also where connections to them have just ended; others in place of those in use; none twice."""
    taken, ended = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    with taken, ended:
        wanted = [server.getsockname()[1] for server in (taken, ended)]
        with socket.create_connection(("127.0.0.1", wanted[1])) as client:
            ended.accept()[0].close()
            assert client.recv(1) == b""  # the server closes first: its port stays in TIME_WAIT
    with socket.create_server(("127.0.0.1", wanted[0])):
        script = f"python={sys.executable}; . {ROOT}/scripts/lib/net.sh; free_ports 127.0.0.1 " + '"$@"'
        ports = subprocess.run(["bash", "-c", script, "-", *map(str, (*wanted, wanted[1], 0, 70000))], check=True,
                               capture_output=True, text=True, timeout=30).stdout.split()
    assert int(ports[0]) != wanted[0] and int(ports[1]) == wanted[1]
    assert len(set(ports)) == 5 and "0" not in ports


@pytest.mark.long
def test_the_bridges_are_found_by_status(pipeline):
    """status finds them by the file that run.sh writes in ROOMSTREAM_STATE. After an orderly end the file is gone."""
    program = pipeline.start_bridges()
    status = pipeline.status
    wait_until(lambda: status().returncode == 0, 60, lambda: f"all is well: {status().stdout}")
    assert cells(status().stdout) == all_well(*READERS)
    assert pipeline.start().wait() == 1  # it is in use, and stays so
    addresses = pipeline.addresses()
    assert [re.sub(r"^store-\d+$", "store", name) for name in addresses] == [*map(bridge, SENSORS), *READERS]
    assert len(set(addresses.values())) == len(addresses)
    assert addresses["dashboard"] == f"127.0.0.1:{int(pipeline.env['ROOMSTREAM_HTTP_PORT']) - 1}"
    program.wait_for_log(f"see the room and the pipeline at http://{addresses['dashboard']}/; what is stored is in {pipeline.state}/readings.db")
    os.kill(pipeline.process("bridge-pir"), signal.SIGSTOP)
    frozen = status("-W", "0.3")
    assert frozen.returncode == 1
    assert f"bridge-pir: does not answer at {addresses['bridge-pir']}: " in frozen.stdout
    assert len(frozen.stdout.splitlines()) == 12  # the other rows are there
    os.kill(pipeline.process("bridge-pir"), signal.SIGCONT)
    assert program.stop(60) == 0
    assert status().returncode == 2
    pipeline.assert_nothing_left()


def test_bridges_are_supervised_and_drain_in_order(pipeline):
    program = pipeline.start_bridges()
    second = pipeline.start()
    assert second.wait() == 1
    assert f"already in use by process {program.pid}" in second.stderr
    with MqttClient(pipeline.mqtt_port) as client:
        client.published(client.publish("temp", b"before"))
        wait_for_messages(pipeline.kafka, "temp", 1)
        os.kill(pipeline.process("bridge-temp"), signal.SIGKILL)
        program.wait_for_log("bridge-temp warning: was killed by SIGKILL; starting it again in 1 s")
        client.published(client.publish("temp", b"while away"))
        program.wait_for_log(r"(?s)starting it again.*bridge-temp info: connected", 60)
        client.published(client.publish("temp", b"after"))
        values = [message.value() for message in wait_for_messages(pipeline.kafka, "temp", 3)]
        assert set(values) == {b"before", b"while away", b"after"}
        for number in range(500):
            last = client.publish("pir", b"%d" % number)
        client.published(last)
    pir = pipeline.addresses()["bridge-pir"]
    wait_until(lambda: scrape.status(pir)["messages"]["received"] == 500, 30,
               lambda: f"bridge-pir has received what was published: {scrape.status(pir)}\n{program.stderr}")
    assert program.stop(60) == 0
    # The last messages are not in the spool but in Kafka and the database: the brokers stop last, and store after the bridges.
    stopped = re.findall(r"(\S+) info: stopped: received (\d+) = delivered (\d+) \+ spooled 0 ", program.stderr)
    assert {name for name, *_ in stopped} == {bridge(sensor) for sensor in SENSORS}
    assert ("bridge-pir", "500", "500") in stopped
    pipeline.assert_nothing_left()
    names = {"run.sh", "brokers.sh", "estimate", "store", "downlink", "dashboard", *map(bridge, SENSORS)}
    for line in program.stderr.splitlines():
        match = re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (\S+) (info|warning|error): ", line)
        assert match and match.group(1) in names, line


@pytest.mark.long
def test_brokers_alone_serve_a_pipeline_started_beside_them(pipeline):
    brokers = pipeline.start("--brokers")
    brokers.wait_for_log("started private brokers: mqtt=127.0.0.1:\\d+, kafka=127.0.0.1:\\d+", 60)
    demo = pipeline.start("--demo", "--fast", "--no-store")
    assert demo.wait(120) == 0, demo.stderr
    assert table(demo) == {topic: numbers[:-1] for topic, numbers in expected(SAMPLE).items()}
    assert not (pipeline.state / "readings.db").exists() and cells(parts(demo)[2]) == all_well("roomstream-estimate", "downlink", "dashboard")
    assert "started private brokers" not in demo.stderr
    assert brokers.is_running()
    payloads = [json.loads(message.value()) for message in read_topic(pipeline.kafka, "pir")]
    assert len(payloads) == expected(SAMPLE)["pir"][0]
    again = pipeline.start("--brokers")
    assert again.wait() == 1
    assert f"already in use by process {brokers.pid}" in again.stderr
    assert brokers.stop(60) == 0
    pipeline.assert_nothing_left()


@pytest.mark.long
def test_only_what_is_local_and_missing_is_started(pipeline):
    # A name that never resolves (RFC 6761) stands for another machine.
    program = pipeline.start(KAFKA_BOOTSTRAP_SERVERS="kafka.invalid:9092")
    program.wait_for_log("started private brokers: mqtt=127.0.0.1:[0-9]+; ", 60)
    program.wait_for_log("Kafka at kafka.invalid:9092 does not answer; nothing is started for an address of another machine")
    program.wait_for_log("bridge-temp info: subscribed to 'temp'", 60)  # it waits for Kafka
    assert not (pipeline.state / "kafka").exists()
    program.send(signal.SIGTERM)
    assert program.wait(60) == 0
    pipeline.assert_nothing_left()


def test_nothing_is_started_for_other_machines(pipeline):
    program = pipeline.start(MQTT_HOST="mqtt.invalid", KAFKA_BOOTSTRAP_SERVERS="kafka.invalid:9092")
    program.wait_for_log("the bridges run", 60)
    program.wait_for_log("MQTT broker at mqtt.invalid:[0-9]+ does not answer; nothing is started")
    assert not (pipeline.state / "mosquitto").exists() and not (pipeline.state / "kafka").exists()
    assert program.stop(60) == 0
    pipeline.assert_nothing_left()


@pytest.mark.long
def test_a_private_broker_that_dies_ends_everything(pipeline):
    program = pipeline.start_bridges()
    os.kill(int((pipeline.state / "kafka" / "pid").read_text()), signal.SIGKILL)
    assert program.wait(90) == 1
    assert "Kafka was killed by SIGKILL" in program.stderr
    pipeline.assert_nothing_left()
    shown = pipeline.status()  # the file stays for status and Prometheus: nobody asked the programs to end
    assert (shown.returncode, shown.stdout.count("does not answer at ")) == (1, 10), shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--demo", "--brokers"], "--demo and --brokers exclude each other"),
        (["--demo", "--fast", "--rate", "3"], "--fast, --speed and --rate exclude each other"),
        (["--fast"], "go with --demo"),
        (["--keep"], "go with --demo"),
        (["--brokers", "--no-store"], "--no-store does not go with --brokers"),
        (["--demo", "--data"], "--data needs a value"),
        (["--demo", "--data", "/nonexistent.csv"], "there is no /nonexistent.csv (scripts/fetch-data.sh downloads the real data set"),
        (["--demo", "--data", "/"], "--data: / is not a file"),
        (["--demo", "--rate", "0"], "--rate: '0' is not a number above 0"),
        (["--what"], "unknown argument '--what'"),
    ],
)
def test_wrong_use(pipeline, arguments, message):
    program = pipeline.start(*arguments)
    assert program.wait() == 2
    assert message in program.stderr
    assert not pipeline.state.exists()


@pytest.mark.parametrize(
    ("arguments", "env", "message"),
    [
        ([], {"MQTT_PORT": "none"}, "MQTT_PORT"),
        (["--demo", "--speed", "none"], {}, "--speed: 'none' is not a number"),
        (["--demo", "--speed", "0"], {}, "--speed: '0' is not a number"),
        (["--demo", "--rate", "-1"], {}, "--rate: '-1' is not a number"),
    ],
)
def test_a_wrong_value_is_told_before_anything_is_started(pipeline, arguments, env, message):
    program = pipeline.start(*arguments, **env)
    assert program.wait() == 2
    assert message in program.stderr
    assert not (pipeline.state / "mosquitto").exists()


def test_a_state_folder_that_cannot_be_made_is_told_in_one_line(pipeline):
    pipeline.state.write_text("not a folder")
    program = pipeline.start()
    assert program.wait() == 1
    assert len(program.stderr.splitlines()) == 1
    assert f"{pipeline.state}" in program.stderr and "ROOMSTREAM_STATE" in program.stderr


@pytest.fixture
def mute_port():
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


def test_nothing_is_published_when_it_could_not_be_counted(pipeline, mute_port):
    program = pipeline.start("--demo", KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{mute_port}")
    assert program.wait(120) == 1
    assert "what arrives in Kafka cannot be counted" in program.stderr
    assert "replaying" not in program.stderr
    pipeline.assert_nothing_left()


def test_help(pipeline):
    program = pipeline.start("--help")
    assert program.wait() == 0
    assert program.stdout.startswith(b"Starts the pipeline") and b"--demo" in program.stdout
    assert program.stderr == ""
