"""A private PostgreSQL of the system's packages, on a free loopback port, as a user who is not root: PostgreSQL refuses that."""

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from ports import free_port
from programs import freeze, tied
from waiting import wait_until

BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
AS_USER = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
USER = "postgres" if os.geteuid() == 0 else getpass.getuser()


class Postgres:
    """Starts in a with block, with the database `readings`. Every user is trusted but `guarded`, who has a password."""

    def __init__(self, folder, settings=()):
        self.folder, self.port = Path(folder), free_port()
        # Not in that folder: pytest, whenever it starts, closes what is above it to other users.
        self.home = Path(tempfile.mkdtemp(prefix="roomstream-postgres-"))
        self.data, self.log = self.home / "data", self.folder / "log"
        self.settings = settings
        self.process = None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o755)
        subprocess.run(["install", "-d", "-m", "700", *(["-o", USER] if AS_USER else []), str(self.data)], check=True)
        self.log.touch()
        self._tool("initdb", "-D", self.data, "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8")
        hba = self.data / "pg_hba.conf"
        hba.write_text("host all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n")
        self.start()
        self.sql("CREATE DATABASE readings", "postgres")
        return self

    def __exit__(self, *_):
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    def _tool(self, name, *arguments):
        result = subprocess.run([*AS_USER, BIN / name, *arguments], cwd="/", capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def start(self):
        settings = [f"-c{one}" for one in (f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=",
                                           "max_connections=30", "shared_buffers=64MB", *self.settings)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(tied([*AS_USER, BIN / "postgres", "-D", self.data, *settings]), stdout=log, stderr=log, cwd="/",
                                            process_group=0)
        wait_until(lambda: self._answers(), 60, lambda: f"PostgreSQL answers; {self.log.read_text()[-2000:]}")
        return self

    def _answers(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        return subprocess.run([BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False).returncode == 0

    @property
    def pid(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def stop(self, mode="fast"):
        """mode: fast, or immediate, which is like a crash."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.pid, {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
            self.process.wait(60)
        self.process = None

    def freeze(self):
        """Freezes all of its processes."""
        for pid in self._processes():
            self._if_there(freeze, pid)

    def thaw(self):
        for pid in self._processes():
            self._if_there(os.kill, pid, signal.SIGCONT)
        self.process.send_signal(signal.SIGCONT)  # runuser has stopped with its child

    @staticmethod
    def _if_there(call, *arguments):
        """Calls; ignores a process that has ended meanwhile."""
        try:
            call(*arguments)
        except ProcessLookupError:
            pass

    def _processes(self):
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def url(self, user=USER):
        return f"postgresql://{user}@127.0.0.1:{self.port}/readings"

    def sql(self, statement, database="readings", user=USER):
        """The rows as lists of texts; statements that fail raise AssertionError."""
        result = subprocess.run(["psql", "-XqAtF\t", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database, "-v",
                                 "ON_ERROR_STOP=1", "-c", statement], capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        return [line.split("\t") for line in result.stdout.splitlines()]

    def backend(self, condition=""):
        """A process that serves store, or None."""
        found = self.sql(f"SELECT pid FROM pg_stat_activity WHERE application_name = 'roomstream-store' {condition}")
        return int(found[0][0]) if found else None
