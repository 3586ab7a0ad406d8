"""What README.md and the other documents name exists: links and their anchors, files of the repository, programs and options."""

import functools
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
from option_tables import PROGRAMS, TIME_LIMIT, options_of_manual

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")]
DOCUMENTS += sorted((ROOT / "docs").rglob("*.md"))
MANUALS = sorted((ROOT / "docs/man").glob("*.scd.in"))
SOURCES_OF_MANUALS = sorted((ROOT / "docs/man").glob("*.scd*"))

# What is there only once something has been built, run or downloaded.
IGNORED = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.startswith("/")]

# Options of Kafka's tools that are named without the tool.
OF_OTHERS = {"--operation", "--transactional-id"}

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def without_code(text):
    return re.sub(r"`[^`]*`", "", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))


def code(text):
    """The code of a document: texts in backticks, and the lines of blocks; a continued command is one line."""
    blocks = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]
    return spans + [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]


@functools.cache
def anchors(path):
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [*DOCUMENTS, *SOURCES_OF_MANUALS], ids=lambda path: str(path.relative_to(ROOT)))
def test_width(path):
    """Prose is at most 120 columns wide. Rows of tables and lines of code cannot be wrapped."""
    prose = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines()
    wide = [line for line in prose if len(line) > 120 and not line.startswith("|")]
    assert not wide, wide


@every_document
def test_links(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@every_document
def test_files(path):
    for line in code(path.read_text()):
        for word in re.findall(r"(?<![\w./@$-])[\w.-]+/[\w./*-]*", line):
            name = word.removeprefix("./").strip("/")
            if (ROOT / name.split("/")[0]).is_dir() and not any(fnmatch(name, f"{left_out}*") for left_out in IGNORED):
                assert list(ROOT.glob(name)), line


@every_document
def test_functions(path):
    for name, file in re.findall(r"`(\w+)`\s+in\s+`([\w./-]+\.[ch])`", path.read_text()):
        assert re.search(rf"^\w.*\b{name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{name} in {file}"


# Programs and options


@functools.cache
def options_of(program):
    """The options of a program or a script, as a user types them."""
    if program.startswith("scripts/"):
        usage = subprocess.run([ROOT / program, "--help"], capture_output=True, encoding="utf-8", timeout=TIME_LIMIT, check=True)
        return {"--help", *re.findall(r"(?<![\w-])--?[a-zA-Z][a-z0-9-]*", usage.stdout)}
    options = [option for option in options_of_manual(program)[0] if not option.secret]
    return {f"--{option.name}" for option in options} | {f"-{option.letter}" for option in options if option.letter}


def program_of(word):
    """The program or script that is meant by the word, or None."""
    if re.fullmatch(r"(\./)?scripts/[\w-]+\.sh", word):
        return word.removeprefix("./")
    name = re.sub(r"^(\S*/bin/)?(roomstream-)?", "", word)
    return name if name in PROGRAMS else None


def commands(line):
    """Each (program, options) of a line of code."""
    for part in re.split(r"[|;&#<>]| -- ", re.sub(r"'[^']*'|\"[^\"]*\"", "''", line)):
        words = part.removeprefix("$ ").split()
        while words and (re.match(r"\w+=", words[0]) or words[0] in ("timeout", "exec")):
            del words[0]
        program = program_of(words[0]) if words else None
        if program:
            yield program, [word.split("=")[0] for word in words[1:] if re.match(r"--?[a-zA-Z]", word)]


def is_known(program, option):
    known = options_of(program)
    return option in known or (not option.startswith("--") and option[:2] in known)  # as in -C2


@every_document
def test_programs(path):
    for line in code(path.read_text()):
        for word in re.findall(r"(?:build/bin/|(?<![\w/.-])roomstream-)([a-z0-9][a-z0-9-]*)(?![\w.-]*[@*])", line):
            assert re.sub(r"-[0-9a-f]{8,}$", "", word) in PROGRAMS, line  # a client id ends in digits


@every_document
def test_options_of_commands(path):
    for line in code(path.read_text()):
        for program, options in commands(line):
            for option in options:
                assert is_known(program, option), f"{program} has no {option}: {line}"


@every_document
def test_options_by_themselves(path):
    scripts = [str(script.relative_to(ROOT)) for script in (ROOT / "scripts").glob("*.sh")]
    known = set().union(OF_OTHERS, *map(options_of, [*PROGRAMS, *scripts]))
    for line in code(path.read_text()):
        for option in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", line) if line.startswith("--") else []:
            assert option in known, line


@pytest.mark.parametrize("path", MANUALS, ids=lambda path: path.name)
def test_options_in_manuals(path):
    own = path.name.removesuffix(".1.scd.in")
    text = path.read_text().replace("@PAGE@", f"roomstream-{own}")
    for paragraph in text.split("\n\n"):
        named = {own, *filter(None, map(program_of, re.findall(r"roomstream-[\w-]+", paragraph)))}
        for option in re.findall(r"\*(--?[a-zA-Z][a-z0-9-]*)\*", paragraph):
            assert any(is_known(program, option) for program in named), paragraph
    for line in code(text):
        for command, options in commands(line):
            assert all(is_known(command, option) for option in options), line


def test_something_is_found():
    """The tests above find what they should."""
    lines = code((ROOT / "README.md").read_text())
    found = [(program, option) for line in lines for program, options in commands(line) for option in options]
    assert {("publish-temp", "--fast"), ("kafka-consume", "-f"), ("dead-letters", "--of"), ("scripts/run.sh", "--demo")} <= set(found)
    assert not is_known("bridge", "--no-such-option")
