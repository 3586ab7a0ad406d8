"""The bridge under test: one life after the other, on one spool, and the memory and CPU time of its processes."""

import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from bridges import Bridge
from preloading import OUT_OF_MEMORY, failing_allocations
from programs import freeze

TICKS = os.sysconf("SC_CLK_TCK")


class Lives:
    """Runs the plan's lives, then a last one until close().

    preload: the libraries of a life whose allocations fail.
    excuse: a function that tells whether a present fault keeps a bridge from starting.
    A bridge ends with the thread that started it (see programs.tied), so that thread stays until released is set."""

    def __init__(self, bridge: Bridge, lives, power_loss, refusal, preload, excuse, released):
        self.bridge = bridge
        self.ended = Counter()  # by the cause of their end
        self.starved = 0        # of these, ended by themselves without memory
        self.refused = 0        # starts that a fault made impossible
        self.troubles = []      # ends without a cause
        self.exhausted = threading.Event()  # the last life has begun
        self.samples = []       # (monotonic, pid, resident bytes, CPU seconds)
        self.idle_memory = 0
        self._lives = lives
        self._power_loss = power_loss
        self._refusal = refusal
        self._preload = preload
        self._excuse = excuse
        self._released = released
        self._turn = threading.Lock()  # held while the bridge is started, killed or frozen
        self._over = threading.Event()
        self._idle = threading.Event()  # no further life begins
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def make_session(self):
        """Runs a first life without messages: from then on the MQTT session and the spool exist."""
        self.bridge.start()
        self.idle_memory = self._look(self.bridge.program.pid)[0]
        self.bridge.stop()

    def start(self):
        self._thread.start()
        self._sampler.start()

    def kills(self):
        return sum(self.ended.values())

    def says(self, pattern):
        """Whether the log of the present life has a line with the pattern."""
        program = self.bridge.program
        return program is not None and re.search(pattern, program.stderr)

    @contextmanager
    def frozen(self):
        """In a with block the bridge is frozen, and neither killed nor started."""
        with self._turn:
            program = self.bridge.program
            running = program is not None and program.is_running()
            try:
                if running:
                    freeze(program.pid)
                yield
            finally:
                if running and program.is_running():
                    program.send(signal.SIGCONT)

    def close(self):
        """Ends the last life by SIGTERM; returns the numbers of its closing log line."""
        self.halt()
        self.bridge.program.wait_for_log("started: received", 60)  # before that, a SIGTERM just kills it
        return self.bridge.stop()

    def halt(self):
        """No further life begins; the present one continues."""
        self._over.set()
        if self._thread.is_alive():
            self._idle.wait(60)

    def highest_memory(self):
        return max((memory for _, _, memory, _ in self.samples), default=0)

    def cpu_share(self, begin, end):
        """CPU seconds a second from begin to end, of the process that ran longest then; None if that was too short."""
        within = [sample for sample in self.samples if begin <= sample[0] <= end]
        if not within:
            return None
        pid = Counter(sample[1] for sample in within).most_common(1)[0][0]
        own = [sample for sample in within if sample[1] == pid]
        duration = own[-1][0] - own[0][0]
        return (own[-1][3] - own[0][3]) / duration if duration >= 2 else None

    def _run(self):
        try:
            for life in self._lives:
                if self._over.is_set():
                    return
                self._live(life)
            self._last()
        except Exception as error:  # whatever it is, the run must end and report it
            self.troubles.append(f"the harness could not run the bridge: {error!r}")
        finally:
            self.exhausted.set()
            self._idle.set()
            self._released.wait()

    def _live(self, life):
        with self._turn:
            under = failing_allocations(self._preload, life.allocations) if life.allocations else ()
            self.bridge.start(subscribed=False, under=under, env={"ROOMSTREAM_FAILPOINT": life.failpoint})
        program = self.bridge.program
        try:
            program.process.wait(life.seconds)
        except subprocess.TimeoutExpired:
            if self._over.is_set():
                return
            with self._turn:
                program.kill()
            self.ended[life.death()] += 1
        else:
            if program.process.returncode == -signal.SIGKILL and life.failpoint:
                self.ended[life.failpoint.partition(":")[0]] += 1
            elif program.process.returncode in OUT_OF_MEMORY and life.allocations:
                self.starved += 1
                self.ended[life.death()] += 1
            else:
                self._died(program)
        if life.power_loss:
            self._power_loss.strike(self.bridge.spool)
        if life.damage:
            self.troubles += self._refusal.strike(life.damage)

    def _last(self):
        """The last life must not die. If it does, another one follows, so that the run can end."""
        with self._turn:
            self.bridge.start(subscribed=False)
        self.exhausted.set()
        while not self._over.wait(0.2):
            if not self.bridge.program.is_running():
                self._died(self.bridge.program)
                self._over.wait(0.5)
                with self._turn:
                    self.bridge.start(subscribed=False)

    def _died(self, program):
        last = program.stderr.strip().rpartition("\n")[2]
        if self._excuse() and program.process.returncode > 0:
            self.refused += 1
        else:
            self.troubles.append(f"{program.name} ended by itself with {program.process.returncode}: {last}")

    @staticmethod
    def _look(pid):
        """Resident bytes and CPU seconds."""
        status = Path(f"/proc/{pid}/status").read_text()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        resident = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        return int(resident.group(1)) * 1024 if resident else 0, (int(fields[11]) + int(fields[12])) / TICKS

    def _sample(self):
        while not self._over.wait(0.25):
            program = self.bridge.program
            if program is not None and program.process.returncode is None:
                try:
                    memory, cpu = self._look(program.pid)
                except (FileNotFoundError, ProcessLookupError):
                    continue
                self.samples.append((time.monotonic(), program.pid, memory, cpu))
