"""The messages and events that docs/operations.md explains are those that the programs log, and the other way round."""

import pathlib
import re
from collections import defaultdict

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("\n## Messages\n")[2]
OF_A_BRIDGE = DOCUMENT.partition("\n### Of the other programs\n")[0]
ROW = re.compile(r"^\| (.*?) \| (.*?) ?\|", re.MULTILINE)
MESSAGES = [message for _, said in ROW.findall(OF_A_BRIDGE) for message in re.findall(r"`([^`]+)`", said)]

# What stands for values, in the table and in the formats of the source.
VALUE = re.compile(r"\.\.\.|\b[A-Z]\b|\bREASON\b")
FORMAT = re.compile(r'%[-+ #0]*[*\d]*(?:\.[*\d]+)?(?:" PRI\w+ "|[hlz]*[a-z])')

SOURCES = [path for path in ROOT.glob("*/**/*.c")
           if path.relative_to(ROOT).parts[0].partition("-")[0] not in ("tests", "bench", "build") and path.name != "log.c"]
CALL = re.compile(r"\b(log_error|log_warning|log_info|log_debug|log_limited|LOG_EVENT)(_with)?\(")
FIELD = re.compile(r'\bLOG_(?:TEXT|NUMBER)\("(\w+)"')


def texts():
    """All texts of the bridge's sources, each in one piece, with ... for values."""
    for path in (*ROOT.glob("bridge/**/*.c"), *ROOT.glob("lib/*/*.c")):
        source = FORMAT.sub("...", path.read_text(encoding="utf-8"))
        yield from re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r'"\s*\n\s*"', "", source))


ALL_TEXTS = "\n".join(texts())


def test_there_is_a_table():
    assert len(MESSAGES) > 20


@pytest.mark.parametrize("message", MESSAGES)
def test_is_printed(message):
    for piece in VALUE.split(message):
        assert piece.strip(" :'") in ALL_TEXTS


# Events


def calls_of_sources():
    """(event, fields) of each call that has its fields at hand, or none; None for the fields that another function adds."""
    for path in SOURCES:
        source = path.read_text(encoding="utf-8")
        for call in CALL.finditer(source):
            rest = source[call.end():source.index(";", call.end())]
            event = re.match(r"[^,]+,[^,]+,\s*(\w+)" if call[1] == "log_limited" else r"\s*(\w+)", rest)[1]
            if "fields" in re.findall(r"\w+", rest)[:2]:  # they are named just before
                rest = source[source.rindex("LOG_FIELDS(", 0, call.start()):call.start()]
            fields = set(FIELD.findall(rest))
            yield event, fields if fields or call[1] not in ("LOG_EVENT", "log_debug") else None


def events_of_sources():
    """{event: its fields}"""
    events = defaultdict(set)
    for event, fields in calls_of_sources():
        events[event] |= fields or set()
    return events


def events_of_document():
    """{event: its fields}, of `event` (field, field)."""
    events = defaultdict(set)
    for names, _ in ROW.findall(DOCUMENT):
        for event, fields in re.findall(r"`(\w+)`(?: \(([\w, ]+)\))?", names):
            events[event] |= set(fields.split(", ")) - {""}
    return events


def test_events_are_those_of_the_document():
    assert set(events_of_sources()) == set(events_of_document())
    assert len(events_of_sources()) > 60


def test_fields_are_those_of_the_document():
    documented = events_of_document()
    for event, fields in events_of_sources().items():
        assert not fields or fields == documented[event], event
    everywhere = {name for path in SOURCES for name in FIELD.findall(path.read_text(encoding="utf-8"))}
    assert set().union(*documented.values()) == everywhere


# A line at which the program ends has no retry_ms; a topic's line has what is missing, those of its nodes have their node.
SOMETIMES = {"retry_ms", "node", "missing"}


def test_each_line_of_an_event_has_its_fields():
    documented = events_of_document()
    for event, fields in calls_of_sources():
        assert fields is None or documented[event] - fields <= SOMETIMES, event
