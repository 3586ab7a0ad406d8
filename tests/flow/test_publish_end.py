"""The publishers: how they stop, and what they show until then."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from mosquitto import Mosquitto, free_port
from programs import BIN, tied
from publishing import HEADER, ROW, SAMPLE, publish_from_pipe, read_summary, subscriber, unread_bytes
from waiting import wait_until

# ---- being stopped ----


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_everything_acknowledged(mqtt, programs, tmp_path, signum):
    program = programs.start(
        "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", 300, "--file", SAMPLE, "--summary", tmp_path / "summary")
    program.wait_for_log("connected")
    program.send(signum)
    assert program.wait() == 0, program.stderr
    summary = read_summary(tmp_path / "summary")
    assert summary["published"] == summary["acknowledged"] < 1200


def test_a_signal_while_it_waits_for_a_broker(programs):
    waiting = programs.start("publish-temp", "-h", "127.0.0.1", "-p", free_port(), "--file", SAMPLE)
    waiting.wait_for_log("cannot connect")
    assert waiting.stop() == 0, waiting.stderr
    assert "published 0 messages" in waiting.stderr


def test_a_signal_while_it_waits_for_the_header(mqtt):
    process = publish_from_pipe(mqtt)
    wait_until(lambda: catches(process.pid, signal.SIGTERM), 10, "the signal is handled")
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=30)[1]
    assert process.returncode == 0, log
    assert b"error" not in log


@pytest.fixture
def fifo_reader(mqtt, programs, tmp_path):
    """Publishes from a FIFO that nobody has opened for writing yet."""
    os.mkfifo(tmp_path / "fifo")
    program = programs.start("publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--fast", "--file", tmp_path / "fifo")
    wait_until(lambda: catches(program.pid, signal.SIGTERM), 10, "the signal is handled")
    return program


def test_a_signal_while_nobody_writes_to_a_fifo(fifo_reader):
    assert fifo_reader.stop() == 0, fifo_reader.stderr
    assert "error" not in fifo_reader.stderr


def test_a_fifo_is_read_to_its_end(fifo_reader, subscriber, tmp_path):
    (tmp_path / "fifo").write_text(HEADER + ROW)
    assert fifo_reader.wait(30) == 0, fifo_reader.stderr
    subscriber.wait_for(4)


def catches(pid, signum):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"SigCgt:\s*(\w+)", status.read()).group(1), 16) >> (signum - 1) & 1


def test_a_signal_while_it_waits_for_the_rest_of_a_row(mqtt, subscriber):
    process = publish_from_pipe(mqtt)
    process.stdin.write((HEADER + ROW + ROW.rstrip("\n")).encode())  # the last number may go on
    subscriber.wait_for(4)
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=30)[1]
    assert process.returncode == 0, log
    assert b"error" not in log and b"published 4 messages" in log
    assert len(subscriber.messages) == 4


@pytest.mark.long
def test_what_is_not_acknowledged_when_stopped_is_told(programs, tmp_path):
    with Mosquitto(tmp_path / "mosquitto") as broker:
        program = programs.start(
            "publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--rate", 2000, "--file", SAMPLE, "--drain-timeout", "200ms",
            "--summary", tmp_path / "summary")
        program.wait_for_log("connected")
        broker.program.send(signal.SIGSTOP)
        wait_until(lambda: unread_bytes(broker.port) > 500, 30, "messages wait unread")
        assert program.stop() == 1
        assert re.search(r"error: \d+ published messages are not acknowledged", program.stderr)
        summary = read_summary(tmp_path / "summary")
        assert summary["published"] > summary["acknowledged"]


# ---- progress ----


def run_on_terminal(columns, *command, term="xterm"):
    """Runs a command with such a terminal of that width as its standard error; returns status and all that was written to it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(tied(command), stdin=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": term})
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # EIO: the other side is closed
        pass
    os.close(ours)
    return process.wait(30), written.decode()


def test_a_bar_is_drawn_on_a_terminal(mqtt):
    command = [BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", "1000", "--file", SAMPLE]
    status, written = run_on_terminal(100, *command)
    assert status == 0
    bars = re.findall(r"\r\x1b\[K(\[=*>? *\] \d+%, \d+ messages, [^\r\n]*)", written)
    assert len(bars) > 3
    assert all(len(bar) < 100 for bar in bars)
    counts = [int(re.search(r"(\d+) messages", bar).group(1)) for bar in bars]
    assert counts == sorted(counts) and counts[-1] > counts[0]
    assert re.search(r"\r\x1b\[K2[-0-9]+T[^\n]* published 1200 messages", written)
    status, written = run_on_terminal(30, *command)
    assert status == 0
    bars = re.findall(r"\r\x1b\[K(\d+%, [^\r\n]*)", written)
    assert bars and all(len(bar) < 30 for bar in bars)


def test_the_bar_of_an_endless_replay_follows_the_terminal_s_width(mqtt, tmp_path):
    file = tmp_path / "ten.csv"
    file.write_text(HEADER + 10 * ROW)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        tied([BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", "500", "--loop", "0", "--file", file]),
        stdin=subprocess.DEVNULL, stderr=theirs)

    def bars_until(columns, pattern):
        """Sets the terminal's width and reads until a bar matches; returns the bars that were written since."""
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        written, end = "", time.monotonic() + 30
        while not re.search(r"\x1b\[K" + pattern, written):
            assert time.monotonic() < end, written
            if select.select([ours], [], [], 1)[0]:
                written += os.read(ours, 65536).decode()
        return re.findall(r"\r\x1b\[K([^\r\n]*)", written)

    try:
        assert not any("%" in bar or "left" in bar for bar in bars_until(100, r"\d+ messages, \d+/s, \d+ rows, loop \d+, \d+ in flight"))
        assert len(bars_until(25, r"\d+ messages, \d+/s\r")[-1]) < 25
        bars_until(100, r"\d+ messages, \d+/s, \d+ rows, loop [1-9]\d+, ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def test_log_lines_and_the_end_clear_the_bar(mqtt, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text(HEADER + 100 * ROW + "bad\n" + 100 * ROW)
    command = [BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", "1000", "--skip-bad", "--file", file]
    status, written = run_on_terminal(100, *command)
    assert status == 0
    assert re.search(r"in flight\r\x1b\[K2[-0-9]+T[^\n]* row skipped", written), written
    status, written = run_on_terminal(100, *command, "--log-level", "error")
    assert status == 0
    assert written.endswith("in flight\r\x1b[K")


@pytest.mark.parametrize("term", ["dumb", ""])
def test_no_bar_on_a_terminal_that_clears_no_line(mqtt, term):
    command = [BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", "1000", "--file", SAMPLE, "--limit", "500"]
    status, written = run_on_terminal(100, *command, term=term)
    assert status == 0 and "\x1b" not in written and "published 500 messages" in written


def test_no_bar_when_quiet_or_in_a_file(mqtt, programs):
    command = ["-h", "127.0.0.1", "-p", str(mqtt.port), "--rate", "1000", "--file", str(SAMPLE)]
    status, written = run_on_terminal(100, BIN / "publish-temp", *command, "--quiet")
    assert status == 0 and "\x1b" not in written
    status, written = run_on_terminal(100, BIN / "publish-temp", *command, "--log-format", "json")
    assert status == 0 and "\x1b" not in written
    assert all(json.loads(line) for line in written.splitlines())
    assert "\x1b" not in programs.run("publish-temp", *command).stderr
