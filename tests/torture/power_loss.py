"""A power loss: the spool becomes what its disk certainly held, and some of what it perhaps held."""

import subprocess
import uuid
from pathlib import Path

from preloading import build

SECTOR = 512
PAGE = 4096
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class PowerLoss:
    """Needs a mount namespace of its own (scripts/torture.sh makes one), since a machine that comes back has another boot id."""

    def __init__(self, folder, chance):
        self._synced = folder / "synced"
        self._synced.mkdir()
        self._boot_id = folder / "boot_id"
        self._chance = chance
        self._new_boot_id()
        subprocess.run(["mount", "--bind", self._boot_id, BOOT_ID], check=True)
        self.preload = build(Path(__file__).with_name("synced.c"), folder)
        self.env = {"ROOMSTREAM_SYNCED": str(self._synced)}

    def _new_boot_id(self):
        self._boot_id.write_text(f"{uuid.UUID(int=self._chance.getrandbits(128))}\n")

    def strike(self, spool):
        """The bridge has been killed; its spool, a folder, becomes what a restarted machine would find."""
        lose_unsynced(spool, self._synced, self._chance)
        self._new_boot_id()

    def close(self):
        subprocess.run(["umount", "--lazy", BOOT_ID], check=False)


def lose_unsynced(spool, synced, chance):
    """Makes both folders what the disk may hold. synced: what synced.c has recorded."""
    entries = synced / "entries"
    names = set(entries.read_text().split()) - {"lock"} if entries.exists() else set()
    segments = sorted(name for name in names if name.endswith(".seg"))
    found = {}
    for name in names:
        durable, written = _read(synced / name), _read(spool / name)
        if name == "position":
            found[name] = _either(durable, written, chance)
        elif segments and name == segments[-1]:
            found[name] = durable + _perhaps(written[len(durable):], chance)
        else:
            found[name] = durable
    for folder in spool, synced:
        for path in folder.iterdir():
            path.unlink()
        for name, content in found.items():
            (folder / name).write_bytes(content)
    entries.write_text("".join(name + "\n" for name in names))


def _read(path):
    return path.read_bytes() if path.exists() else b""


def _either(durable, written, chance):
    """Each page is as it was synced, or as it was written last."""
    pages = range(0, max(len(durable), len(written)), PAGE)
    return b"".join(chance.choice((durable or written, written or durable))[at:at + PAGE] for at in pages)


def _perhaps(unsynced, chance):
    """Nothing of it, the beginning of it, or all of it with a hole."""
    kind = chance.choice(("nothing", "beginning", "hole"))
    if kind == "nothing" or not unsynced:
        return b""
    if kind == "beginning":
        return unsynced[:chance.randrange(len(unsynced))]
    at = chance.randrange(len(unsynced))
    return unsynced[:at] + bytes(len(unsynced[at:at + SECTOR])) + unsynced[at + SECTOR:]
