"""status: what it shows, on a terminal and elsewhere, and its exit status."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from bridges import Bridge, publish_numbers
from clients import wait_for_messages
from programs import BIN
from scrape import address_of
from waiting import wait_until

CLEAN = {"PATH": os.environ["PATH"]}


def status(*arguments, **env):
    return subprocess.run([BIN / "status", *map(str, arguments)], capture_output=True, text=True, timeout=30, env={**CLEAN, **env})


@pytest.fixture
def mute():
    """An address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def bridge(brokers, programs, tmp_path):
    started = Bridge(programs, tmp_path, "--http", "0").start()
    wait_until(lambda: status("-a", address_of(started)).returncode == 0, 30, lambda: status("-a", address_of(started)).stdout)
    return started


def test_all_is_well_until_it_is_not(brokers, mqtt_client, bridge):
    address = address_of(bridge)
    publish_numbers(mqtt_client, bridge.topic, 1, 50)
    wait_for_messages(brokers.kafka.address, bridge.topic, 50)
    shown = status("-a", address)
    assert (shown.returncode, shown.stderr) == (0, "")
    heading, row = shown.stdout.splitlines()
    assert heading.split() == ["bridge", "MQTT", "Kafka", "received/s", "delivered/s", "spooled", "oldest", "dead", "p50", "p99"]
    assert row.split()[:3] == [f"bridge-{bridge.topic}", "subscribed", "connected"]
    assert "\033" not in shown.stdout
    said, = json.loads(status("-J", "-a", address).stdout)
    assert (said["address"], said["well"], said["problems"]) == (address, True, [])
    assert said["status"]["messages"]["received"] == 50

    mqtt_client.published(mqtt_client.publish(bridge.topic, b"h" * 2_000_000))
    wait_until(lambda: status("-a", address).returncode == 1, 20, "a dead letter is not well")
    assert f"bridge-{bridge.topic}: 1 dead letters" in status("-a", address).stdout
    bridge.stop()
    gone = status(ROOMSTREAM_STATUS=address)
    assert gone.returncode == 1
    assert gone.stdout.splitlines()[2] == f"{address}: does not answer: Connection refused"


def test_the_name_is_that_of_the_file_of_targets(bridge, tmp_path):
    file = tmp_path / "targets.json"
    file.write_text(json.dumps([{"targets": [address_of(bridge)], "labels": {"bridge": "gateway 7"}}, {"targets": [address_of(bridge)]}]))
    assert [said["bridge"] for said in json.loads(status("-J", "--targets", file).stdout)] == ["gateway 7", f"bridge-{bridge.topic}"]


def test_one_that_does_not_answer_holds_nobody_up(bridge, mute):
    """The time limit is for all of them together, and the answers of the others are shown."""
    began = time.monotonic()
    shown = status("-W", "0.5", *(word for _ in range(20) for word in ("-a", mute)), "-a", address_of(bridge), http_proxy="http://127.0.0.1:1")
    assert time.monotonic() - began < 8  # 20 times half a second would be more
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[21].split()[:2] == [f"bridge-{bridge.topic}", "subscribed"]
    assert shown.stdout.count("does not answer: ") == 20


def test_an_old_message_is_not_well(brokers, mqtt_client, bridge):
    brokers.kafka.freeze()
    try:
        mqtt_client.published(mqtt_client.publish(bridge.topic, b"x"))
        wait_until(lambda: status("--oldest", "0.1s", "-a", address_of(bridge)).returncode == 1, 20, "an old message is not well")
        assert "the oldest message has been in the spool for" in status("--oldest", "0.1s", "-a", address_of(bridge)).stdout
        assert status("--oldest", "1h", "-a", address_of(bridge)).returncode == 0
    finally:
        brokers.kafka.thaw()


@pytest.mark.parametrize("answer", [b"HTTP/1.0 200 OK\r\n\r\n", b'HTTP/1.0 200 OK\r\n\r\n{"bridge": 7}', b"HTTP/1.0 404 Not Found\r\n\r\n",
                                    b"SSH-2.0-x\r\n", b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 3_000_000])
def test_what_answers_may_be_anything(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                try:
                    connection.sendall(answer)
                except OSError:
                    pass  # it does not read more

        server.settimeout(20)
        thread = threading.Thread(target=serve)
        thread.start()
        shown = status("-a", f"localhost:{server.getsockname()[1]}")
        thread.join()
    assert shown.returncode == 1, shown.stderr
    assert "is not a bridge" in shown.stdout or "does not answer" in shown.stdout


def test_a_name_that_is_no_utf8_leaves_no_bridge_out(tmp_path):
    file = tmp_path / "targets.json"
    file.write_text(json.dumps([{"targets": ["127.0.0.1:1"], "labels": {"bridge": "é" * 60}}]))  # is cut off within a character
    names = [bridge["bridge"] for bridge in json.loads(status("-J", "--targets", file).stdout)]
    assert names == ["é" * 31 + "?"]
    names = [bridge["bridge"] for bridge in json.loads(status("-J", "-a", os.fsdecode(b"\xff:1")).stdout)]
    assert names == ["?:1"]


def test_targets(tmp_path):
    file = tmp_path / "targets.json"
    file.write_text('[{"targets": ["127.0.0.1:1"], "labels": {"bridge": "first"}}, {"targets": ["[::1]:1"]}]')
    rows = status("--targets", file).stdout.splitlines()
    assert [row.split()[0] for row in rows[1:3]] == ["first", "[::1]:1"]
    for text, message in (("{}", "is not a list"), ("[{}]", "no list 'targets'"), ('[{"targets": ["x"]}]', "'x' is not an address"), ("[]", "names no bridges"),
                          ("[", f"{file}:1: "), ('[{"targets": [7]}]', "a target is not a string"), ('[{"targets": ["0"]}]', "'0' has no port")):
        file.write_text(text)
        wrong = status("--targets", file)
        assert (wrong.returncode, wrong.stdout) == (2, "") and message in wrong.stderr, wrong.stderr
    assert "No such file" in status("--targets", tmp_path / "missing").stderr
    nowhere = status(ROOMSTREAM_STATE=str(tmp_path))
    assert nowhere.returncode < 2 or f"{tmp_path}/run/bridges.json" in nowhere.stderr  # other bridges may run on this machine
    assert status("-a", "x:y").returncode == 2


class Session:
    """A user's session: bridges are started in it, and status finds them from any folder."""

    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.topic = f"t{os.getpid()}"
        self.runtime = folder / "runtime"
        self.runtime.mkdir()

    def start(self, label, *options):
        """Starts a bridge as a user does, without --http."""
        return Bridge(self.programs, self.folder, *options, topic=self.topic, label=label).start(env={"XDG_RUNTIME_DIR": str(self.runtime)})

    def found(self):
        """{name: whether it answers} for the bridges of this session; others may run on this machine."""
        shown = subprocess.run([BIN / "status", "-J"], capture_output=True, text=True, timeout=30, cwd="/",
                               env={**CLEAN, "XDG_RUNTIME_DIR": str(self.runtime), "ROOMSTREAM_STATE": str(self.folder)})
        if shown.returncode == 2:
            assert "no bridge runs here that this user can see" in shown.stderr
            return {}
        return {each["bridge"]: each["status"] is not None for each in json.loads(shown.stdout) if self.topic in each["bridge"]}

    def announcements(self):
        return sorted((self.runtime / "roomstream").iterdir())


@pytest.fixture
def session(brokers, programs, tmp_path):
    return Session(programs, tmp_path)


def test_bridges_are_found_from_any_folder_each_under_its_own_name(session):
    assert session.found() == {}
    topic = session.topic
    first, second = (session.start(label) for label in ("first", "second"))
    named = session.start("named", "--id", f"gateway {topic}")
    assert session.found() == {f"bridge-{topic} {address_of(first)}": True, f"bridge-{topic} {address_of(second)}": True, f"gateway {topic}": True}
    first.stop()
    assert session.found() == {f"bridge-{topic}": True, f"gateway {topic}": True}
    named.stop()
    second.stop()
    assert session.found() == {} and session.announcements() == []


def test_a_spool_whose_name_is_no_utf8_hides_no_bridge(session):
    session.start(os.fsdecode(b"sp\xefol"), "--spool", os.fsdecode(bytes(session.folder) + b"/sp\xefol"))
    assert session.found() == {f"bridge-{session.topic}": True}


def test_what_a_killed_bridge_has_left_is_ignored_and_the_next_one_removes_it(session):
    bridge = session.start("killed")
    left, = session.announcements()
    (announced,) = json.loads(left.read_text())
    assert announced["targets"] == [address_of(bridge)] and announced["labels"]["bridge"] == f"bridge-{session.topic}"
    bridge.kill()
    assert session.found() == {} and session.announcements() == [left]
    bridge.start(env={"XDG_RUNTIME_DIR": str(session.runtime)})
    assert session.found() == {f"bridge-{session.topic}": True}
    assert left not in session.announcements()


def test_a_folder_that_others_can_write_to_is_neither_read_nor_written(session):
    bridge = session.start("trusted")
    folder = session.runtime / "roomstream"
    folder.chmod(0o777)
    assert session.found() == {}
    bridge.stop()
    assert session.announcements() == []
    bridge.start(env={"XDG_RUNTIME_DIR": str(session.runtime)})
    assert session.announcements() == []
    bridge.stop()


def test_a_port_that_nobody_asked_for_does_not_keep_a_bridge_from_starting(brokers, programs, tmp_path):
    program = Bridge(programs, tmp_path, "--http", "").start().program
    assert "serving HTTP" not in program.stderr


def test_output_that_cannot_be_written(bridge):
    with open("/dev/full", "w") as full:
        result = subprocess.run([BIN / "status", "-a", address_of(bridge)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, env=CLEAN)
    assert result.returncode == 1
    assert result.stderr.endswith("status error: the output cannot be written: No space left on device\n")


def test_again_and_again(bridge):
    """Each table under its time, until Ctrl-C; the exit status is that of the last look."""
    process = subprocess.Popen([BIN / "status", "-a", address_of(bridge), "--every", "0.1"], stdout=subprocess.PIPE, text=True, env=CLEAN)
    try:
        for _ in range(3):
            time, heading, row = (process.stdout.readline() for _ in range(3))
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z\n", time) and heading.endswith("p99\n") and row.startswith(f"bridge-{bridge.topic} ")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_output_that_nobody_reads_ends_it(bridge):
    process = subprocess.Popen([BIN / "status", "-a", address_of(bridge), "--every", "0.1"], stdout=subprocess.PIPE, env=CLEAN)
    try:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 1
    finally:
        process.kill()
        process.wait()


def test_a_signal_ends_it_while_it_waits_for_answers(mute):
    process = subprocess.Popen([BIN / "status", "-a", mute, "-W", "1h"], stdout=subprocess.PIPE, env=CLEAN)
    try:
        wait_until(lambda: any(int(line.split()[3], 16) == 1 and f":{int(mute.split(':')[1]):04X}" in line.split()[2]
                               for line in open("/proc/net/tcp").readlines()[1:]), 20, "it is connected")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1
    finally:
        process.kill()
        process.communicate()
