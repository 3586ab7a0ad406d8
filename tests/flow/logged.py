"""Logs of --log-format json."""

import json
import re
from collections import defaultdict

from programs import ROOT

COMMON = {"time", "level", "program", "event", "message"}


def documented():
    """{event: fields of its rows}, of the tables in docs/operations.md: `event`, `event` (field, field)."""
    fields_of = defaultdict(set)
    tables = (ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("\n## Messages\n")[2]
    for names in re.findall(r"^\| (.*?) \|", tables, re.MULTILINE):
        fields = set(", ".join(re.findall(r"\(([\w, ]+)\)", names)).split(", "))
        for event in re.findall(r"`(\w+)`", names):
            fields_of[event] |= fields
    return fields_of


def lines_of(program):
    """The objects that it has logged. Each must have an event and fields that the document names."""
    fields_of, lines = documented(), [json.loads(line) for line in program.stderr.splitlines()]
    for line in lines:
        assert COMMON <= set(line) <= COMMON | {"left_out"} | fields_of.get(line["event"], set()), line
        assert line["event"] in fields_of, line
    return lines
