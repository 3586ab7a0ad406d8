"""Starts that must be refused: between two lives the spool is damaged, the bridge is started some times, and the damage is undone.

Bits are flipped in place and files are moved away, so that undoing it needs no space on a disk that may be full."""

import contextlib
import re
import uuid

from power_loss import BOOT_ID
from spool_reader import Spool, read_header

# What is done to the spool. A missing position alone would be replaced where the first segment is there.
DAMAGES = ("flip", "flip-and-no-position", "no-segments", "misnamed")
STARTS = 3


class Refusal:
    """Damages the spool of one bridge at random."""

    def __init__(self, bridge, chance):
        self.starts = 0
        self._bridge, self._chance = bridge, chance

    def strike(self, damage):
        """The bridge has been killed. Returns what is wrong."""
        folder = self._bridge.spool
        if self._lost_power():  # then a flipped bit may pass for a power loss
            damage = "no-segments"
        with contextlib.ExitStack() as undo:
            getattr(self, "_" + damage.replace("-", "_"))(undo)
            before = snapshot(folder)
            return [trouble for _ in range(STARTS) for trouble in self._start(damage, before)]

    def _start(self, damage, before):
        self._bridge.start(subscribed=False)
        program = self._bridge.program
        status = program.wait(60)
        self.starts += 1
        if snapshot(self._bridge.spool) != before:
            yield f"{program.name}: a start on a spool with {damage} has changed it"
        if status != 1 or not re.search(r"error: .*--spool-repair", program.stderr):
            yield f"{program.name}: a start on a spool with {damage} ended with {status}: {program.stderr[-500:]}"

    def _lost_power(self):
        position = Spool(self._bridge.spool).position
        return not position.clean and position.boot_id != uuid.UUID(BOOT_ID.read_text().strip()).bytes

    def _flip(self, undo):
        """Flips a bit that the next start reads: in the segment with the position, or in a later one."""
        folder, position = self._bridge.spool, Spool(self._bridge.spool).position.id
        paths = sorted(folder.glob("*.seg"))
        first = max((index for index, path in enumerate(paths) if int(path.stem) <= position), default=0)
        path = self._chance.choice(paths[first:])
        data = path.read_bytes()
        spool = Spool(folder)
        whole = [(record.offset, record.length) for record in spool.whole_in(path.name)]
        start, length = self._chance.choice([(0, read_header(data).length), *whole])
        offset = start + self._chance.randrange(length)
        _write(path, offset, bytes([data[offset] ^ 1 << self._chance.randrange(8)]))
        undo.callback(_write, path, offset, data[offset:offset + 1])

    def _flip_and_no_position(self, undo):
        self._flip(undo)
        self._move(undo, self._bridge.spool / "position", self._aside("position"))

    def _no_segments(self, undo):
        for path in self._bridge.spool.glob("*.seg"):
            self._move(undo, path, self._aside(path.name))

    def _misnamed(self, undo):
        path = self._chance.choice(sorted(self._bridge.spool.glob("*.seg")))
        self._move(undo, path, path.with_name(f"{int(path.stem) + 2**40:020d}.seg"))

    def _aside(self, name):
        return self._bridge.spool.parent / f"aside-{name}"

    @staticmethod
    def _move(undo, path, to):
        path.rename(to)
        undo.callback(to.rename, path)


def _write(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def snapshot(folder):
    """What a refused start must leave as it was."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}
