"""scripts/lib/supervise.sh: restarts a daemon that dies, and passes signals on. The daemons are small shell scripts."""

import os
import signal

import pytest
from programs import ROOT, Program
from waiting import wait_until

SUPERVISE = ROOT / "scripts" / "lib" / "supervise.sh"


@pytest.fixture
def supervise(tmp_path):
    """Starts a shell script under supervision; it writes a line to `lives` each time it starts."""
    started = []

    def start(body):
        daemon = tmp_path / "bridge-x"
        daemon.write_text(f"#!/bin/bash\necho $$ >>{tmp_path}/lives\n{body}\n")
        daemon.chmod(0o755)
        command = [SUPERVISE, "--log", tmp_path / "log", "--restarts", tmp_path / "restarts", daemon]
        started.append(Program(command, tmp_path, name="supervise"))
        return started[-1]

    yield start
    for program in started:
        program.kill()


def lives(folder):
    """The process ids that the daemon had so far."""
    path = folder / "lives"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_a_daemon_that_dies_is_started_again_later_and_later(supervise, tmp_path):
    program = supervise("exit 7")
    wait_until(lambda: len(lives(tmp_path)) >= 3, 30, "three starts")
    for seconds in (1, 2, 4):
        program.wait_for_log(f"bridge-x warning: ended with status 7; starting it again in {seconds} s$")
    assert program.stop() == 0
    assert (tmp_path / "restarts").read_text().splitlines() == ["bridge-x"] * (len(lives(tmp_path)) - 1)


def test_a_killed_daemon_is_named_and_started_again(supervise, tmp_path):
    program = supervise("exec sleep 1000")
    os.kill(wait_until(lambda: lives(tmp_path), 30, "a start")[0], signal.SIGKILL)
    program.wait_for_log("bridge-x warning: was killed by SIGKILL; starting it again in 1 s")
    wait_until(lambda: len(lives(tmp_path)) == 2, 30, "a second start")


def test_wrong_use_is_not_tried_again(supervise, tmp_path):
    program = supervise("echo 'unknown option' >&2; exit 2")
    assert program.wait() == 2
    assert "not started again" in program.stderr
    assert len(lives(tmp_path)) == 1
    assert (tmp_path / "log").read_text() == "unknown option\n"


def test_termination_is_passed_on_twice(supervise, tmp_path):
    program = supervise(
        "trap 'echo first; trap \"echo second; exit 5\" TERM' TERM; echo begun; while :; do sleep 0.1; done"
    )
    log = tmp_path / "log"
    wait_until(lambda: log.exists() and "begun" in log.read_text(), 30, "the daemon runs")
    program.send(signal.SIGTERM)
    wait_until(lambda: "first" in log.read_text(), 30, "the first signal arrives")
    assert program.is_running()
    program.send(signal.SIGTERM)
    assert program.wait() == 5
    assert log.read_text() == "begun\nfirst\nsecond\n"


def test_a_daemon_killed_while_it_stops_leaves_no_words_of_the_shell(supervise, tmp_path):
    program = supervise("trap 'echo stopping' TERM; echo begun; while :; do sleep 0.1; done")
    log = tmp_path / "log"
    wait_until(lambda: log.exists() and "begun" in log.read_text(), 30, "the daemon runs")
    program.send(signal.SIGTERM)
    wait_until(lambda: "stopping" in log.read_text(), 30, "the signal arrives")
    os.kill(lives(tmp_path)[0], signal.SIGKILL)
    assert program.wait() == 128 + signal.SIGKILL
    assert program.stderr == ""


def test_a_daemon_ends_with_a_killed_supervisor(supervise, tmp_path):
    program = supervise("exec sleep 1000")
    pid = wait_until(lambda: lives(tmp_path), 30, "a start")[0]
    program.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 30, "the daemon has ended")
