"""scripts/brokers.sh: starts, stops and cleans up after itself, whatever happens to it."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from brokers import Broker
from clients import MqttClient, create_topic, produce, read_topic
from programs import ROOT, Program
from waiting import wait_until

SCRIPT = ROOT / "scripts" / "brokers.sh"


@pytest.fixture
def mqtt(tmp_path):
    broker = Broker("mqtt", tmp_path).start()
    yield broker
    broker.stop()


def is_alive(pid):
    """Whether the process runs. A zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def takes_connections(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def listening_addresses(pid):
    """The addresses that a process listens on, in /proc's hexadecimal form."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(link)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1].split(":")[0])
    return found


def test_both_answer_on_the_loopback_address_only(brokers, mqtt_client):
    mqtt_client.subscribe("a/b")
    MqttClient.published(mqtt_client.publish("a/b", b"hello"))
    assert mqtt_client.wait_for(1)[0].payload == b"hello"

    create_topic(brokers.kafka.address, "t")
    produce(brokers.kafka.address, "t", [b"one", b"two"])
    assert [message.value() for message in read_topic(brokers.kafka.address, "t")] == [b"one", b"two"]

    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    for broker in (brokers.mqtt, brokers.kafka):
        addresses = listening_addresses(broker.pid)
        assert addresses and addresses <= loopback, broker.kind


def test_kafka_keeps_its_messages_when_killed_and_started_again(brokers):
    create_topic(brokers.kafka.address, "kept")
    produce(brokers.kafka.address, "kept", [b"%d" % i for i in range(1000)])
    brokers.kafka.kill()
    brokers.kafka.start()
    assert [message.value() for message in read_topic(brokers.kafka.address, "kept")] == [b"%d" % i for i in range(1000)]


def test_mosquitto_keeps_what_is_queued_for_an_absent_client_over_a_restart(mqtt, tmp_path):
    # More than the 1000 messages that Mosquitto queues by default.
    subscriber = ["mosquitto_sub", "-p", str(mqtt.port), "-i", "absent", "-c", "-q", "1", "-t", "queued"]
    assert Program([*subscriber, "-E"], tmp_path, name="subscribe").wait() == 0
    with MqttClient(mqtt.port) as client:
        for i in range(3000):
            last = client.publish("queued", b"%d" % i)
        client.published(last)
    mqtt.restart()
    reader = Program([*subscriber, "-C", "3000"], tmp_path, name="read")
    assert reader.wait(60) == 0
    assert reader.stdout == b"".join(b"%d\n" % i for i in range(3000))


def test_stop_is_orderly_and_leaves_nothing(mqtt):
    pid = mqtt.pid
    assert mqtt.script.stop() == 0
    assert not is_alive(pid) and not takes_connections(mqtt.port)
    assert not (mqtt.folder / "pid").exists()
    assert (mqtt.folder / "data" / "mosquitto.db").exists()


def test_a_broker_that_dies_is_reported(mqtt):
    os.kill(mqtt.pid, signal.SIGKILL)
    assert mqtt.script.wait() == 1
    assert "Mosquitto was killed by SIGKILL" in mqtt.script.stderr


def test_the_broker_ends_with_a_script_that_is_killed_and_a_new_start_waits_for_that(mqtt):
    pid, port = mqtt.pid, mqtt.port
    os.kill(pid, signal.SIGSTOP)  # it cannot end yet
    mqtt.script.kill()
    assert is_alive(pid)
    again = Program([SCRIPT, "--state", mqtt.state, "--mqtt-port", port], mqtt.state, name="again")
    try:
        again.wait_for_log(f"waiting for what an earlier start left behind: {pid} mosquitto")
        assert again.stdout == b""
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: again.stdout.startswith(b"ready"), 30, lambda: again.stderr)
        assert not is_alive(pid)
    finally:
        again.stop()


def test_a_folder_in_use_is_refused_at_once(mqtt):
    second = Program([SCRIPT, "--state", mqtt.state, "--mqtt-port", "0"], mqtt.state, name="second")
    assert second.wait() == 1
    assert f"already in use by process {mqtt.script.pid} (folder {mqtt.folder})" in second.stderr
    assert takes_connections(mqtt.port)


def test_a_port_that_is_taken_is_an_error_with_the_brokers_words(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        script = Program([SCRIPT, "--state", tmp_path, "--mqtt-port", port], tmp_path)
        assert script.wait() == 1
    assert "Address already in use" in script.stderr
    assert "Mosquitto ended while it started" in script.stderr


def test_a_full_disk_is_named(tmp_path):
    """On a small disk of its own, for which the test becomes root of a namespace."""
    aside = ["unshare", "--map-root-user", "--mount", "bash", "-c"]
    if subprocess.run([*aside, f"mount -t tmpfs none {tmp_path}"], capture_output=True, timeout=30).returncode:
        pytest.skip("no disk can be mounted here")
    small = tmp_path / "small"
    small.mkdir()
    script = Program([*aside, f"mount -t tmpfs -o size=40k none {small} && exec {SCRIPT} --state {small} --kafka-port 0"], tmp_path)
    assert script.wait(90) == 1
    assert re.search("No space left on device|the disk that holds .* is full", script.stderr), script.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to start"),
        (["--mqtt-port"], "--mqtt-port needs a value"),
        (["--mqtt-port", "65536"], "'65536' is not a port"),
        (["--kafka-port", "x"], "'x' is not a port"),
        (["--mqtt-port", "0", "--mqtt-host", "0.0.0.0"], "'0.0.0.0' is not a loopback address"),
        (["--port", "1"], "unknown argument '--port'"),
    ],
)
def test_wrong_use(tmp_path, arguments, message):
    script = Program([SCRIPT, "--state", tmp_path / "state", *arguments], tmp_path)
    assert script.wait() == 2
    assert message in script.stderr
    assert not (tmp_path / "state").exists()
