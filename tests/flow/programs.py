"""Starts our programs, reads what they print, and makes sure that none outlives its test."""

import os
import re
import signal
import subprocess
from pathlib import Path

from waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
# The table of sensors: name to the columns of its readings.
SENSORS = {name: columns.split(",") for name, columns in
           re.findall(r'^SENSOR\((\w+), "[^"]*", "([^"]*)"\)', (ROOT / "lib" / "sensors.def").read_text(), re.MULTILINE)}
BIN = Path(os.environ.get("ROOMSTREAM_BIN", ROOT / "build" / "bin"))
# Whether Paho is not linked in.
SHARED_PAHO = "libpaho" in subprocess.run(["ldd", BIN / "bridge"], stdout=subprocess.PIPE, text=True, check=False).stdout


def tied(command):
    """A command line for the same command, which ends when this process ends, however that happens."""
    return ["setpriv", "--pdeathsig", "TERM", "--", *map(str, command)]


def freeze(pid):
    """SIGSTOP; returns when none of the process's threads runs any more, which takes a while on a busy machine, or it has ended."""
    os.kill(pid, signal.SIGSTOP)

    def stands_still():
        try:
            states = {stat.read_text().rsplit(")", 1)[1].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")}
        except (FileNotFoundError, ProcessLookupError):  # a thread has just ended
            return False
        return states <= {"T", "Z"}

    wait_until(stands_still, 10, f"process {pid} stands still")


class Program:
    """A running program, its output in files. Its own process group, as a shell with job control gives it."""

    def __init__(self, command, folder, env=None, name=None, stdin=subprocess.DEVNULL):
        self.name = name or Path(command[0]).name
        folder.mkdir(parents=True, exist_ok=True)
        self.stdout_path = folder / f"{self.name}.stdout"
        self.stderr_path = folder / f"{self.name}.stderr"
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(
                tied(command), stdin=stdin, stdout=out, stderr=err, process_group=0,
                env={**os.environ, **(env or {})},
            )

    @property
    def pid(self):
        return self.process.pid

    @property
    def stdout(self):
        return self.stdout_path.read_bytes()

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def send(self, signum):
        self.process.send_signal(signum)

    def wait(self, limit=30):
        """Waits for its end and returns the exit status (-N when killed by signal N)."""
        wait_until(lambda: not self.is_running(), limit, lambda: f"{self.name} ends; its log:\n{self.stderr[-3000:]}")
        return self.process.returncode

    def wait_for_log(self, pattern, limit=30):
        """Waits until the regular expression pattern is found in the log (standard error) and returns the match."""

        def found():
            match = re.search(pattern, self.stderr, re.MULTILINE)
            if not match and not self.is_running():
                match = re.search(pattern, self.stderr, re.MULTILINE)
                if not match:
                    raise AssertionError(f"{self.name} ended with {self.process.returncode} without /{pattern}/ in its log:\n{self.stderr[-3000:]}")
            return match

        return wait_until(found, limit, lambda: f"/{pattern}/ in the log of {self.name}:\n{self.stderr[-3000:]}")

    def stop(self, limit=30):
        """SIGTERM, then its exit status."""
        if self.is_running():
            self.send(signal.SIGTERM)
        return self.wait(limit)

    def kill(self):
        """SIGKILL; returns when it is gone."""
        if self.is_running():
            self.process.kill()
        self.process.wait()


class Programs:
    """The programs that one test started."""

    def __init__(self, folder, env):
        self.folder = folder
        self.env = env
        self.started = []

    def start(self, name, *arguments, env=None, label=None):
        """Starts build/bin/NAME, or any command given as a path; a label tells several of the same program apart."""
        command = BIN / name if "/" not in str(name) else name
        label = label or f"{Path(name).name}-{len(self.started)}"
        program = Program([command, *arguments], self.folder, {**self.env, **(env or {})}, label)
        self.started.append(program)
        return program

    def run(self, name, *arguments, limit=60, **options):
        """Starts a program, waits for its end, and returns it; status is in its process.returncode."""
        program = self.start(name, *arguments, **options)
        program.wait(limit)
        return program

    def end_all(self):
        for program in self.started:
            program.kill()
