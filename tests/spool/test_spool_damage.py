"""Whatever happens to a spool's files: a start that is refused changes nothing, and no whole record is lost."""

import os
import random
import re
import subprocess
import tempfile
from pathlib import Path

import damage
import pytest
from spool_reader import Spool

EVERY = int(os.environ.get("ROOMSTREAM_DAMAGE_EVERY", "11"))  # of the flips and truncations, one in so many
PAIRS = int(os.environ.get("ROOMSTREAM_DAMAGE_PAIRS", "150"))
SEED = int(os.environ.get("ROOMSTREAM_DAMAGE_SEED", "1"))
SAME_BOOT, OTHER_BOOT = 1, 2


class Driver:
    """spool_driver.c, and what it answers."""

    def __init__(self):
        self._process = subprocess.Popen(
            [os.environ["ROOMSTREAM_SPOOL_DRIVER"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def do(self, *words):
        """The lines of the answer and of the log."""
        self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self._process.stdin.flush()
        lines = []
        while (line := self._process.stdout.readline().decode()) != ".\n":
            assert line, ("the driver has ended", lines)
            lines.append(line.rstrip("\n"))
        return lines

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(10) == 0


@pytest.fixture(scope="module")
def driver():
    running = Driver()
    yield running
    running.close()


@pytest.fixture(scope="module")
def folder():
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="roomstream-damage-", dir=where) as path:
        yield Path(path)


def make(driver, folder, name, how):
    (folder / name).mkdir(exist_ok=True)
    for path in (folder / name).iterdir():
        path.unlink()
    driver.do("make", folder / name, how)
    return read(folder / name)


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def snapshot(folder):
    """What a refused start must not change. It creates the lock file where that is missing."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
            for path in folder.iterdir() if path.name != "lock" or path.stat().st_size}


class Start:
    def __init__(self, lines):
        self.log = [line for line in lines if " driver " in line]
        self.refused = next((line for line in lines if line.startswith("refused ")), None)
        self.failed = [line for line in lines if line.startswith("failed ")]
        told = [line.split(" ", 2) for line in lines if line.startswith("message ")]
        self.messages = {int(id_): payload.encode() for _, id_, payload in told}
        assert len(self.messages) == len(told), "a message twice"
        self.letters = {int(line.split()[1]) for line in lines if line.startswith("letter ")}


class Case:
    """A damaged spool, started again and again."""

    def __init__(self, driver, folder, files, uuid, boot):
        self.driver, self.folder, self.uuid, self.boot = driver, folder, uuid, boot
        write(folder, files)
        before = Spool(folder, uuid)
        self.waiting, self.letters = before.waiting(), before.letters()
        self.records = before.records()
        self.accepted = False
        self.starts = []

    def start(self, repair):
        before = snapshot(self.folder)
        start = Start(self.driver.do("start", self.folder, int(repair), self.boot))
        self.starts.append(start)
        assert not start.failed, start.failed
        if start.refused:
            assert snapshot(self.folder) == before, "a refused start has changed something"
            assert not self.accepted, ("refused after it was accepted", start.refused)
            assert str(self.folder) in start.refused, start.refused
            assert re.search("--spool-repair|move|[Rr]estore", start.refused), start.refused
            assert not start.log, start.log
        elif self.accepted:
            assert list(start.messages.values()) == [b"new"], ("delivered again", start.messages)
        else:
            self.accepted = True
            self._check(start)
        return start

    def _check(self, start):
        """All whole records are delivered, or the log names the file that has them now."""
        new = max(start.messages)
        assert start.messages.pop(new) == b"new" and new > max(self.records, default=0), "an id is used again"
        for id_, payload in start.messages.items():
            assert self.records[id_].payload == payload, "not what was stored"
        lost = {id_: payload for id_, payload in self.waiting.items() if id_ not in start.messages}
        lost |= {id_: letter.payload for id_, letter in self.letters.items() if id_ not in start.letters}
        kept = b"".join(data for name, data in read(self.folder).items()
                        if ".corrupt" in name and any(name in line for line in start.log))
        assert all(payload in kept for payload in lost.values()), ("lost without a word", lost, start.log)
        return lost


def kinds_of(driver, folder, how):
    files = make(driver, folder, "spool", how)
    assert not Spool(folder / "spool").faults()
    uuid = Spool(folder / "spool").uuid
    other = make(driver, folder, "other", how)
    slots = files["position"]
    sequences = [int.from_bytes(slots[at + 16:at + 24], "little") for at in (0, damage.SLOT_DISTANCE)]
    newest = damage.SLOT_DISTANCE * sequences.index(max(sequences))
    older = slots[:newest] + bytes(damage.SLOT_LENGTH) + slots[newest + damage.SLOT_LENGTH:]
    return files, uuid, damage.single(files, other, older)


def thinned(damages):
    """All damages, but only a part of the flips and truncations, chosen by the seed."""
    chance = random.Random(SEED)
    return [one for one in damages if one[0].split()[0] not in ("flip", "truncate") or chance.randrange(EVERY) == 0]


def run(driver, folder, files, uuid, boot, what, change):
    damaged = change(files)
    try:
        case = Case(driver, folder / "case", damaged, uuid, boot)
        refused = [case.start(repair=False).refused for _ in range(3)]
        accepted_without = case.accepted
        if refused[0]:
            assert all(refused), "refused, and then not"
            case.start(repair=True)
            case.start(repair=False)
        case = Case(driver, folder / "case", damaged, uuid, boot)
        first = case.start(repair=True)
        for repair in True, False:
            if not first.refused:
                case.start(repair)
        assert case.accepted or not accepted_without, "refused with a repair only"
    except AssertionError as error:
        raise AssertionError(f"{what}, boot {boot}: {error}") from error
    return "accepted" if accepted_without else "repaired" if case.accepted else "refused"


@pytest.mark.parametrize("boot", [SAME_BOOT, OTHER_BOOT], ids=["same boot", "rebooted"])
@pytest.mark.parametrize("how", ["closed", "killed"])
def test_a_single_damage(driver, folder, how, boot):
    files, uuid, damages = kinds_of(driver, folder, how)
    ends = [run(driver, folder, files, uuid, boot, what, change) for what, _, change in thinned(damages)]
    print({end: ends.count(end) for end in set(ends)})
    assert ends.count("repaired") > 20 and ends.count("accepted") > 5


@pytest.mark.parametrize("boot", [SAME_BOOT, OTHER_BOOT], ids=["same boot", "rebooted"])
@pytest.mark.parametrize("how", ["closed", "killed"])
def test_two_damages(driver, folder, how, boot):
    files, uuid, damages = kinds_of(driver, folder, how)
    for what, _, change in damage.pairs(files, damages, PAIRS, SEED):
        run(driver, folder, files, uuid, boot, what, change)
