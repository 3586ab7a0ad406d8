"""A wrong time of day for one of our programs; its monotonic clock stays right."""

import struct
from pathlib import Path

from preloading import build


class FakeClock:
    """Give its env to the program, with preload in LD_PRELOAD."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "clock"
        self.preload = build(Path(__file__).with_suffix(".c"), folder)
        self.env = {"ROOMSTREAM_FAKE_CLOCK": str(self._file)}
        self._file.write_bytes(struct.pack("q", 0))

    def set(self, shift):
        """Sets the clock so many seconds ahead of the real one, also for programs that run already."""
        with open(self._file, "r+b", buffering=0) as file:  # in place: the programs have it mapped
            file.write(struct.pack("q", shift))
