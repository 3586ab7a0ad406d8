"""The messages that docs/operations.md explains are those that the programs print."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("\n## Messages of a bridge\n")[2]
MESSAGES = [message for row in re.findall(r"^\| (.*?`.*?) \|", TABLE, re.MULTILINE) for message in re.findall(r"`([^`]+)`", row)]

# What stands for values, in the table and in the formats of the source.
VALUE = re.compile(r"\.\.\.|\b[A-Z]\b|\bREASON\b")
FORMAT = re.compile(r'%[-+ #0]*[*\d]*(?:\.[*\d]+)?(?:" PRI\w+ "|[hlz]*[a-z])')


def texts():
    """All texts of the bridge's sources, each in one piece, with ... for values."""
    for path in (*ROOT.glob("bridge/*.c"), *ROOT.glob("lib/*/*.c")):
        source = FORMAT.sub("...", path.read_text(encoding="utf-8"))
        yield from re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r'"\s*\n\s*"', "", source))


ALL_TEXTS = "\n".join(texts())


def test_there_is_a_table():
    assert len(MESSAGES) > 20


@pytest.mark.parametrize("message", MESSAGES)
def test_is_printed(message):
    for piece in VALUE.split(message):
        assert piece.strip(" :'") in ALL_TEXTS
