"""A wrong clock of day for a program of ours; its monotonic clock goes on as it should."""

import struct
import subprocess
from pathlib import Path


class FakeClock:
    """Give its env to the program, with preload in LD_PRELOAD."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "clock"
        self.preload = str(folder / "fake_clock.so")
        self.env = {"ROOMSTREAM_FAKE_CLOCK": str(self._file)}
        subprocess.run(
            ["cc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", self.preload,
             Path(__file__).with_suffix(".c")], check=True)
        self._file.write_bytes(struct.pack("q", 0))

    def set(self, shift):
        """So many seconds ahead of the real one from now on, in programs that run as well."""
        with open(self._file, "r+b", buffering=0) as file:  # in place: the programs have it mapped
            file.write(struct.pack("q", shift))
