"""Runs a program to its end, or until it is stopped, and measures its cost."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass

from programs import BIN, tied

BENCH = BIN.parent / "bench"  # the benchmark's own programs


@dataclass
class Cost:
    seconds: float   # from its start to its end
    cpu: float       # seconds of all its threads, user and system
    status: int


class Measured:
    """A program of ours (by name) or any (by path). Its output goes to files in folder."""

    def __init__(self, command, folder, name=None, stdin=None, stdout=None):
        program, *arguments = map(str, command)
        if "/" not in program:
            program = next((path for path in (BIN / program, BENCH / program) if path.exists()), program)
        self.name = name or os.path.basename(str(program))
        folder.mkdir(parents=True, exist_ok=True)
        self.error_path = folder / f"{self.name}.stderr"
        self.output_path = stdout or folder / f"{self.name}.stdout"
        self.started = time.monotonic()
        with open(self.output_path, "wb") as out, open(self.error_path, "wb") as err, open(stdin or os.devnull, "rb") as feed:
            # The program is the process itself: a wrapper would count as its cost.
            self.process = subprocess.Popen(
                tied([program, *arguments]), stdin=feed, stdout=out, stderr=err, process_group=0)
        self.cost = None

    @property
    def output(self):
        return self.output_path.read_text(errors="replace")

    @property
    def errors(self):
        return self.error_path.read_text(errors="replace")

    def is_running(self):
        if self.cost is None:
            self._reap(os.WNOHANG)
        return self.cost is None

    def _reap(self, options):
        pid, status, usage = os.wait4(self.process.pid, options)
        if pid:
            self.process.returncode = os.waitstatus_to_exitcode(status)
            self.cost = Cost(time.monotonic() - self.started, usage.ru_utime + usage.ru_stime, self.process.returncode)

    def wait(self, limit=300):
        """Waits for its end, which must have status 0, and returns its cost."""
        end = time.monotonic() + limit
        while self.is_running():
            assert time.monotonic() < end, f"{self.name} has not ended within {limit} s: {self.errors[-2000:]}"
            time.sleep(0.005)
        assert self.cost.status == 0, f"{self.name} ended with {self.cost.status}: {self.errors[-2000:]}"
        return self.cost

    def wait_for(self, text, limit=60):
        """Waits until its log (standard error) holds text."""
        end = time.monotonic() + limit
        while text not in self.errors:
            assert self.is_running(), f"{self.name} ended without '{text}': {self.errors[-2000:]}"
            assert time.monotonic() < end, f"{self.name} did not say '{text}' within {limit} s: {self.errors[-2000:]}"
            time.sleep(0.002)

    def stop(self):
        """Sends SIGTERM, then waits like wait()."""
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def end(self):
        """Sends SIGKILL if it still runs; for cleaning up."""
        if self.is_running():
            self.process.kill()
            self._reap(0)

    def peak_memory(self):
        """Its peak resident set so far, in bytes. (That of wait4 would be at least that of the Python that started it.)"""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))

    def cpu_now(self):
        """CPU seconds that it has used so far, to the nanosecond."""
        return time.clock_gettime(~self.process.pid << 3 | 2)  # clock_getcpuclockid(3), which Python has not
