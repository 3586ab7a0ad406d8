"""status: what it shows of the bridges, on a terminal and elsewhere, and its exit status."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
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
    """An address that takes connections and never answers."""
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
    """The time limit is for all of them together, and what the others say is shown."""
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
                    pass  # it has heard enough

        server.settimeout(20)
        thread = threading.Thread(target=serve)
        thread.start()
        shown = status("-a", f"localhost:{server.getsockname()[1]}")
        thread.join()
    assert shown.returncode == 1, shown.stderr
    assert "is no bridge" in shown.stdout or "does not answer" in shown.stdout


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
    for text, message in (("{}", "is no list"), ("[{}]", "no list 'targets'"), ('[{"targets": ["x"]}]', "'x' is no address"), ("[]", "names no bridges"),
                          ("[", f"{file}:1: "), ('[{"targets": [7]}]', "a target is no text"), ('[{"targets": ["0"]}]', "'0' has no port")):
        file.write_text(text)
        wrong = status("--targets", file)
        assert (wrong.returncode, wrong.stdout) == (2, "") and message in wrong.stderr, wrong.stderr
    assert "No such file" in status("--targets", tmp_path / "missing").stderr
    nowhere = status(ROOMSTREAM_STATE=str(tmp_path))
    assert nowhere.returncode == 2 and f"{tmp_path}/run/bridges.json" in nowhere.stderr
    assert status("-a", "x:y").returncode == 2


def test_output_that_cannot_be_written(bridge):
    with open("/dev/full", "w") as full:
        result = subprocess.run([BIN / "status", "-a", address_of(bridge)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, env=CLEAN)
    assert result.returncode == 1
    assert result.stderr.endswith("status error: the output cannot be written: No space left on device\n")


ENTER, LEAVE = "\033[?1049h", "\033[?1049l"  # the alternate screen
HOME = "\033[H"


class Terminal:
    """status, or a shell to start it from, on a terminal of its own."""

    def __init__(self, *arguments, program=(BIN / "status",), columns=100, lines=24, **env):
        self.master, slave = pty.openpty()
        self.resize(columns, lines)
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *program, *arguments], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), env={**CLEAN, "TERM": "xterm", **env})
        os.close(slave)
        self.shown = ""

    def resize(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.shown += os.read(self.master, 65536).decode()
            except OSError:
                break  # it has ended
        return self.shown

    def screens(self):
        """What was drawn, each time from the top, without control sequences; not the last time, which may not have come whole."""
        return [re.sub(r"\033\[[?\d;]*[A-Za-z]", "", screen).replace("\r", "") for screen in self.read().split(HOME)[1:-1]]

    def end(self):
        """Ctrl-C; returns the exit status."""
        self.type("\x03")
        wait_until(lambda: (self.read(), self.process.poll())[1] is not None, 20, "it ends")
        self.read()
        return self.process.returncode

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal():
    opened = []

    def make(*arguments, **options):
        opened.append(Terminal(*arguments, **options))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_live_on_a_terminal(bridge, terminal):
    shown = terminal("-a", address_of(bridge), "-i", "0.1")
    wait_until(lambda: len(shown.screens()) >= 3, 20, "it is drawn again and again")
    screen = shown.screens()[0].splitlines()
    assert len(screen) == 3 and screen[0].endswith("p99") and screen[1].startswith(f"bridge-{bridge.topic} ")
    assert f"\033[32mbridge-{bridge.topic}\033[0m" in shown.shown
    shown.resize(40, 24)  # no room for all columns
    wait_until(lambda: len(shown.screens()[-1].splitlines()[0]) <= 40, 20, "it has become narrow")
    narrow = shown.screens()[-1].splitlines()[0].split()
    assert narrow == ["bridge", "Kafka", "spooled"]
    shown.resize(5, 2)
    wait_until(lambda: shown.screens()[-1].startswith("bridg\n"), 20, lambda: f"it is cut: {shown.screens()[-1]}")
    assert max(map(len, shown.screens()[-1].splitlines())) <= 5 and len(shown.screens()[-1].splitlines()) == 2
    shown.resize(100, 24)
    wait_until(lambda: shown.screens()[-1].splitlines()[0].endswith("p99"), 20, "it is wide again")
    assert shown.end() == 0
    after = shown.shown.rpartition(LEAVE)[2]
    assert "bridge" in after and after.count("\n") == 2  # the last table stays


def test_what_has_no_room_is_counted(bridge, terminal):
    """What is not well is left out last, and the order stays."""
    well, name = address_of(bridge), f"bridge-{bridge.topic}"
    addresses = [*[well] * 3, "127.0.0.1:1", *[well] * 3, "127.0.0.1:2", *[well] * 2]
    shown = terminal(*(word for address in addresses for word in ("-a", address)), "-i", "0.1")

    def screen(lines, height):
        """Of a terminal with so many lines: the first words of the table's, and the last line without the time."""
        shown.resize(100, lines)
        wait_until(lambda: [len(each.splitlines()) for each in shown.screens()[-1:]] == [height], 20, lambda: shown.screens()[-1:])
        *table, last = shown.screens()[-1].splitlines()
        return [line.split()[0] for line in table], re.fullmatch(r"(.*?)(?:  )?\S+Z", last)[1]

    everything = ["bridge", *(name if each == well else each for each in addresses), "127.0.0.1:1:", "127.0.0.1:2:"]
    assert screen(14, 14) == (everything, "")
    assert screen(7, 7) == (["bridge", name, "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1:", "127.0.0.1:2:"], "7 more, all well")
    assert screen(5, 5) == (["bridge", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1:"], "8 more, all well  1 more problem")
    assert screen(3, 3) == (["bridge", "127.0.0.1:1"], "9 more, 1 not well  2 more problems")
    assert screen(1, 1) == ([], "10 more, 2 not well  2 more problems")
    assert screen(24, 14) == (everything, "")


def test_ctrl_z_gives_the_screen_back(bridge, terminal):
    shell = terminal(program=("bash", "--norc", "--noediting", "-i"), HISTFILE="")
    shell.type(f"{BIN}/status -a {address_of(bridge)} -i 1h\n")
    wait_until(lambda: HOME in shell.read(), 20, shell.read)
    shell.type("\x1a")
    wait_until(lambda: "Stopped" in shell.read(), 20, shell.read)
    shell.type("bg\n")
    wait_until(lambda: (shell.type("jobs -l\n"), "Stopped (tty output)" in shell.read())[1], 20, shell.read)
    assert (shell.shown.count(ENTER), shell.shown.count(LEAVE)) == (1, 1)
    assert HOME not in shell.shown.partition(LEAVE)[2]
    shell.type("fg\n")
    wait_until(lambda: HOME in shell.read().partition(LEAVE)[2], 20, "it is drawn again, at once")
    assert (shell.shown.count(ENTER), shell.shown.count(LEAVE)) == (2, 1)
    shell.type("\x1a")
    wait_until(lambda: shell.read().rpartition(LEAVE)[2].count("Stopped") == 1, 20, shell.read)
    shell.type("fg\n")
    wait_until(lambda: shell.read().count(ENTER) == 3, 20, shell.read)
    shell.type("\x03")
    wait_until(lambda: shell.read().count(LEAVE) == 3 and "p99" in shell.shown.rpartition(LEAVE)[2], 20, shell.read)
    assert shell.shown.count(ENTER) == 3 and HOME not in shell.shown.rpartition(LEAVE)[2]


def test_a_terminal_that_is_gone_ends_it(bridge, terminal):
    shown = terminal("-a", address_of(bridge), "-i", "0.1", program=("env", "--ignore-signal=HUP", BIN / "status"))
    wait_until(shown.screens, 20, "it is drawn")
    with open(os.devnull) as null:
        os.dup2(null.fileno(), shown.master)
    assert shown.process.wait(20) == 1


def test_terminals_without_colour_or_control(bridge, terminal):
    plain = terminal("-a", address_of(bridge), NO_COLOR="1")
    wait_until(plain.screens, 20, "it is drawn")
    assert not re.search(r"\033\[[\d;]*m", plain.shown)
    assert plain.end() == 0
    for arguments, env in ((["--once"], {}), ([], {"TERM": "dumb"}), (["-J"], {})):
        once = terminal("-a", address_of(bridge), *arguments, **env)
        wait_until(lambda: (once.read(), once.process.poll())[1] is not None, 20, "it ends by itself")
        assert once.process.returncode == 0 and "?1049h" not in once.read()


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
