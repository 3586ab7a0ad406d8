"""What the tests of subscribe share: fixtures to import, and ways to watch its output."""

import fcntl
import re
import subprocess
import sys
import termios
from contextlib import contextmanager

import pytest
from clients import MqttClient
from programs import BIN, tied
from waiting import wait_until


@pytest.fixture
def client(mqtt):
    with MqttClient(mqtt.port) as connected:
        yield connected


@pytest.fixture
def topic(request):
    """A topic that no other test uses."""
    return re.sub(r"\W", "_", request.node.name)


@pytest.fixture
def subscribe(programs, mqtt):
    """Starts subscribe at the private broker; returns when the subscription stands."""

    def start(*arguments):
        program = programs.start("subscribe", "-h", "127.0.0.1", "-p", mqtt.port, "--log-level", "info", *arguments)
        program.wait_for_log('[ "]subscribed to ')
        return program

    return start


@contextmanager
def piped(mqtt, *arguments, stdout=subprocess.PIPE):
    """subscribe with its output in a pipe. Yields the process when the subscription stands."""
    command = [BIN / "subscribe", "-h", "127.0.0.1", "-p", mqtt.port, "--log-level", "info", *arguments]
    process = subprocess.Popen(tied(command), stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)
    try:
        while b" subscribed to " not in (line := process.stderr.readline()):
            assert line, "it ended before it subscribed"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        if process.stdout:
            process.stdout.close()


def in_pipe(pipe):
    """The number of bytes that wait in it."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def wait_for_output(program, length, limit=30):
    """Waits until the program has printed so many bytes, and returns them."""
    wait_until(lambda: len(program.stdout) >= length, limit, lambda: f"{length} bytes, not {program.stdout[:1000]!r}")
    return program.stdout


def publish_lines(mqtt, topic, lines, tmp_path):
    """Publishes many small messages fast, at QoS 0."""
    path = tmp_path / "lines"
    path.write_bytes(lines)
    with open(path, "rb") as stream:
        command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", mqtt.port, "-t", topic, "-l"]
        subprocess.run(tied(command), stdin=stream, check=True, timeout=60)
