"""Takes the place of a service manager: a socket that receives a program's notifications (sd_notify(3)). Also a way to stop one of a
program's threads."""

import contextlib
import ctypes
import os
import select
import socket
from pathlib import Path

from waiting import wait_until

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000  # __WALL: threads are waited for as well


class ServiceManager:
    """Collects the notifications of one program."""

    def __init__(self, address, watchdog=0):
        """address: a path, or '@' and a name in the abstract namespace. watchdog: seconds; 0: none."""
        self.env = {"NOTIFY_SOCKET": str(address)}
        if watchdog:
            self.env["WATCHDOG_USEC"] = str(watchdog * 1_000_000)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if str(address).startswith("@") else str(address))
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def heard(self):
        """All lines up to now."""
        while select.select([self.socket], [], [], 0)[0]:
            self.lines += self.socket.recv(4096).decode().split("\n")
        return self.lines

    def count(self, line):
        return self.heard().count(line)

    def wait_for(self, beginning, limit=30):
        """Waits for a line that begins with this text, and returns it."""
        return wait_until(lambda: next((line for line in self.heard() if line.startswith(beginning)), None), limit,
                          lambda: f"a notification {beginning}...; heard {self.lines}")

    def wait_for_more(self, line, limit=30):
        """Waits until the line comes once more."""
        before = self.count(line)
        wait_until(lambda: self.count(line) > before, limit, lambda: f"another {line}")


def thread_named(pid, name):
    """The id of the process's thread of that name."""
    task, = (task for task in Path(f"/proc/{pid}/task").iterdir() if (task / "comm").read_text() == f"{name}\n")
    return int(task.name)


@contextlib.contextmanager
def frozen_thread(pid, name=None):
    """Stops one thread of a child process, the main thread if none is named, while the others go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    thread = thread_named(pid, name) if name else pid

    def ptrace(request):
        if libc.ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of thread {thread}")

    ptrace(PTRACE_SEIZE)
    try:
        ptrace(PTRACE_INTERRUPT)
        os.waitpid(thread, WALL)
        yield
    finally:
        ptrace(PTRACE_DETACH)
