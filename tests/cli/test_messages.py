"""The messages, events and fields that docs/operations.md explains are in the built programs: the test notices a changed text, or an
event that no program logs any more. flow.bridge and flow.subscribe_json check that programs log nothing undocumented."""

import os
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ["ROOMSTREAM_BIN"])
OF_A_BRIDGE, _, OF_OTHERS = ((ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("\n## Messages\n")[2]
                             .partition("\n### Of the other programs\n"))
ROW = re.compile(r"^\| (.*?) \| (.*?) ?\|", re.MULTILINE)
EVENT = re.compile(r"`(\w+)`(?: \(([\w, ]+)\))?")

# Placeholders for values, in the table and in the programs' formats.
VALUE = re.compile(r"\.\.\.|\b[A-Z]\b|\bREASON\b")
FORMAT = re.compile(r"%[-+ #0]*[*\d]*(?:\.[*\d]+)?[hlz]*[a-z]")

MESSAGES = [message for _, said in ROW.findall(OF_A_BRIDGE) for message in re.findall(r"`([^`]+)`", said)]


def names():
    """(where, name) of each event and field."""
    for part in (OF_A_BRIDGE, OF_OTHERS):
        for events, of in ROW.findall(part):
            for event, fields in EVENT.findall(events):
                for name in (event, *filter(None, fields.split(", "))):
                    yield "`bridge`" if part is OF_A_BRIDGE else of, name


NAMES = sorted(set(names()))


@cache
def texts(program):
    """Its possible strings, one a line."""
    return FORMAT.sub("...", "\n".join((BIN / program).read_bytes().decode("ascii", "replace").split("\0"))) + "\n"


def programs_of(where):
    """The programs that are named, or all."""
    return re.findall(r"`([\w-]+)`", where) or [path.name for path in BIN.iterdir() if path.is_file()]


def test_there_is_a_table():
    assert len(MESSAGES) > 20 and len(NAMES) > 150


@pytest.mark.parametrize("message", MESSAGES)
def test_is_printed(message):
    for piece in VALUE.split(message):
        assert piece.strip(" :'") in texts("bridge")


@pytest.mark.parametrize(("where", "name"), NAMES)
def test_is_logged(where, name):
    assert any(f"{name}\n" in texts(program) for program in programs_of(where))
