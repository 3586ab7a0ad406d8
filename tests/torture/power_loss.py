"""A power loss: the spool becomes what its disk was certain to hold, and some of what it may hold besides."""

import shutil
import subprocess
import uuid
from pathlib import Path

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
        library = folder / "synced.so"
        subprocess.run(
            ["cc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", library,
             Path(__file__).with_name("synced.c")], check=True)
        self._new_boot_id()
        subprocess.run(["mount", "--bind", self._boot_id, BOOT_ID], check=True)
        self.preload = str(library)
        self.env = {"ROOMSTREAM_SYNCED": str(self._synced)}

    def _new_boot_id(self):
        self._boot_id.write_text(f"{uuid.UUID(int=self._chance.getrandbits(128))}\n")

    def strike(self, spool):
        """The bridge has been killed; its spool, a folder, is what a restarted machine would find."""
        entries = self._synced / "entries"
        names = set(entries.read_text().split()) - {"lock"} if entries.exists() else set()
        segments = sorted(name for name in names if name.endswith(".seg"))
        found = {}
        for name in names:
            durable = self._read(self._synced / name)
            written = self._read(spool / name)
            if name == "position":
                found[name] = self._either(durable, written)
            elif segments and name == segments[-1]:
                found[name] = durable + self._perhaps(written[len(durable):])
            else:
                found[name] = durable
        for folder in spool, self._synced:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            for name, content in found.items():
                (folder / name).write_bytes(content)
        entries.write_text("".join(name + "\n" for name in names))
        self._new_boot_id()

    @staticmethod
    def _read(path):
        return path.read_bytes() if path.exists() else b""

    def _either(self, durable, written):
        """Each page as it was synced, or as it was written last."""
        pages = range(0, max(len(durable), len(written)), PAGE)
        return b"".join(self._chance.choice((durable or written, written or durable))[at:at + PAGE] for at in pages)

    def _perhaps(self, unsynced):
        """Nothing of it, the beginning of it, or all of it with a hole."""
        kind = self._chance.choice(("nothing", "beginning", "hole"))
        if kind == "nothing" or not unsynced:
            return b""
        if kind == "beginning":
            return unsynced[:self._chance.randrange(len(unsynced))]
        at = self._chance.randrange(len(unsynced))
        return unsynced[:at] + bytes(len(unsynced[at:at + SECTOR])) + unsynced[at + SECTOR:]

    def close(self):
        subprocess.run(["umount", "--lazy", BOOT_ID], check=False)
