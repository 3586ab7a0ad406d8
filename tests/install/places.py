"""Where things are: the source, the build under test and its programs."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ["ROOMSTREAM_BIN"])
BUILD = BIN.parent
PROGRAMS = sorted(path.name for path in BIN.iterdir()
                  if path.is_file() and os.access(path, os.X_OK) and not path.name.startswith(("test_", "fuzz_")))
VERSION = re.search(r"project\(roomstream VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def run(*command, limit=60, **variables):
    """Runs a command that must succeed and returns what it prints."""
    result = subprocess.run(list(map(str, command)), capture_output=True, encoding="utf-8", timeout=limit,
                            stdin=subprocess.DEVNULL, env={**os.environ, **variables})
    assert result.returncode == 0, f"{command}:\n{result.stdout}\n{result.stderr}"
    return result.stdout


def assert_hardened(program):
    """Its address is random, and the linker's tables are read-only."""
    assert "DYN (" in run("readelf", "--wide", "--file-header", program), program
    assert "GNU_RELRO" in run("readelf", "--wide", "--program-headers", program), program
    assert re.search(r"\(FLAGS_1\) .*\bNOW\b.*\bPIE\b", run("readelf", "--wide", "--dynamic", program)), program
