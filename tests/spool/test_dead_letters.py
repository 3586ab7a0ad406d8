"""dead-letters on a damaged folder, or on one that its user may only read."""

import os
import subprocess
from pathlib import Path

import pytest
from spool_reader import LETTERS, Spool

PROGRAM = Path(os.environ["ROOMSTREAM_BIN"]) / "dead-letters"


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    made = subprocess.run([os.environ["ROOMSTREAM_SPOOL_DRIVER"]], input=f"make {folder} closed\n", text=True,
                          capture_output=True, check=True)
    assert made.stdout == ".\n", made
    return folder


def tool(folder, action, *options, **how):
    return subprocess.run([PROGRAM, action, *options, "--spool", folder], text=True, capture_output=True,
                          timeout=30, check=False, **how)


def snapshot(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def listed(spool):
    return [int(line.split("\t")[0]) for line in tool(spool, "list").stdout.splitlines()]


@pytest.mark.parametrize("action", ["list", "export"])
def test_reading_changes_nothing(spool, action):
    before = snapshot(spool)
    done = tool(spool, action)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == len(Spool(spool).letters()) == 2
    assert snapshot(spool) == before


@pytest.mark.parametrize("action, offset", [
    ("list", 20), ("list", 60), ("export", 20), ("export", 60),
    ("retry", 20), ("retry", 60), ("retry", -1), ("drop", 20), ("drop", 60), ("drop", -1),
])
def test_what_is_refused_changes_nothing(spool, action, offset):
    flip(spool / LETTERS, offset)
    before = snapshot(spool)
    for _ in range(3):
        done = tool(spool, action)
        assert done.returncode == 1, done
        assert str(spool / LETTERS) in done.stderr and "--spool-repair" in done.stderr
        assert snapshot(spool) == before


def test_a_damaged_end_is_told(spool):
    first, _ = listed(spool)
    flip(spool / LETTERS, -1)
    before = snapshot(spool)
    done = tool(spool, "list")
    assert done.returncode == 0 and [line.split("\t")[0] for line in done.stdout.splitlines()] == [str(first)]
    assert "are not a whole letter" in done.stderr
    assert snapshot(spool) == before


@pytest.mark.parametrize("action", ["retry", "drop"])
def test_a_damaged_spool_changes_nothing(spool, action):
    flip(sorted(spool.glob("*.seg"))[0], 60)
    before = snapshot(spool)
    for _ in range(3):
        done = tool(spool, action)
        assert done.returncode == 1 and "--spool-repair" in done.stderr, done
        assert snapshot(spool) == before


def test_a_damaged_position_does_not_keep_from_reading(spool):
    (spool / "position").write_bytes(b"nonsense")
    before = snapshot(spool)
    assert len(listed(spool)) == 2
    assert snapshot(spool) == before


def test_a_repair_keeps_the_letters_that_are_whole(spool):
    first, second = listed(spool)
    flip(spool / LETTERS, 60)
    done = tool(spool, "retry", str(second), "--spool-repair")
    assert done.returncode == 0 and f"{LETTERS}.corrupt" in done.stderr, done
    assert listed(spool) == []
    assert first not in Spool(spool).letters()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("action", ["list", "export"])
def test_another_user_may_read(spool, action):
    for folder in spool, *spool.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(0o755)
    for path in spool.iterdir():
        path.chmod(0o644)
    before = snapshot(spool)
    done = tool(spool, action, user=65534, group=65534)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2, done
    assert snapshot(spool) == before


@pytest.mark.parametrize("variables, folder", [
    ({"STATE_DIRECTORY": "{}/systemd:/other"}, "systemd/bridge-temp"), ({"XDG_STATE_HOME": "{}/xdg"}, "xdg/roomstream/bridge-temp"),
    ({"HOME": "{}/home"}, "home/.local/state/roomstream/bridge-temp"),
])
def test_a_bridge_is_found_by_its_name(tmp_path, variables, folder):
    """The folder in which a bridge of that name makes its spool, from its log."""
    environment = {name: value.format(tmp_path) for name, value in variables.items()}
    done = subprocess.run([PROGRAM, "list", "--of", "bridge-temp"], text=True, capture_output=True, timeout=30, env=environment)
    assert done.returncode == 1 and f"there is no spool at {tmp_path / folder}: " in done.stderr
    bridge = subprocess.Popen([PROGRAM.with_name("bridge-temp"), "-h", "127.0.0.1", "-p", "1", "-b", "127.0.0.1:1"], env=environment,
                              stderr=subprocess.PIPE, text=True)
    try:
        said = f"in the life of the spool {tmp_path / folder}\n"
        assert any(line.endswith(said) for line in bridge.stderr)  # until its log names it
    finally:
        bridge.terminate()
        bridge.communicate(timeout=30)
    done = subprocess.run([PROGRAM, "list", "--of", "bridge-temp"], text=True, capture_output=True, timeout=30, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("words, message", [
    ([], "say what to do: list, export, retry or drop"), (["lst"], "'lst' is none of list, export, retry and drop"),
    (["drop"], "whose dead letters? Name the bridge with --of, or its spool's folder with --spool"),
    (["list", "0", "--of", "x"], "'0' is not the id of a dead letter, a whole number from 1"),
    (["list", "--of", "a/b"], "--of 'a/b' is not the name of a bridge"), (["list", "--of", "x", "--spool", "y"], "exclude each other"),
])
def test_wrong_use(words, message):
    done = subprocess.run([PROGRAM, *words], text=True, capture_output=True, timeout=30)
    assert done.returncode == 2 and message in done.stderr and done.stderr.endswith("\nTry 'dead-letters --help'.\n")


def test_the_bridge_says_where_its_option_went():
    done = subprocess.run([PROGRAM.with_name("bridge-temp"), "--dead-letters", "list"], text=True, capture_output=True, timeout=30)
    assert done.returncode == 2 and "use the program dead-letters, as in 'dead-letters list --of bridge-temp'" in done.stderr
