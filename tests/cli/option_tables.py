"""The option tables of the programs in the build's bin/, as they print them themselves, and what each option takes, found out from their
messages: a new program or option needs no change here. """

import functools
import os
import pathlib
import re
import subprocess
from typing import NamedTuple

BIN = pathlib.Path(os.environ["ROOMSTREAM_BIN"])
TIME_LIMIT = 30
WRONG = "#wrong"

PROGRAMS = sorted(
    path.name for path in BIN.iterdir()
    if path.is_file() and os.access(path, os.X_OK) and not path.name.startswith(("test_", "fuzz_")))


class Option(NamedTuple):
    group: str
    letter: str  # "" if it has none
    name: str
    argument: str  # "" for flags and secrets
    secret: bool

    def __str__(self):
        return self.name


def run(program, *arguments, **variables):
    """Runs the program in an environment that holds nothing but the variables."""
    return subprocess.run([BIN / program, *arguments], capture_output=True, encoding="utf-8", timeout=TIME_LIMIT,
                          stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], **variables})


def output(program, *arguments, **variables):
    result = run(program, *arguments, **variables)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def refusal(program, *arguments, **variables):
    """The message of a program that was used wrongly."""
    result = run(program, *arguments, **variables)
    assert (result.returncode, result.stdout) == (2, ""), (arguments, variables)
    assert result.stderr.startswith(f"{program}: ")
    assert result.stderr.endswith(f"\nTry '{program} --help'.\n")
    return result.stderr


@functools.cache
def options_of_help(program):
    options, group = [], ""
    for line in output(program, "--help").splitlines():
        if match := re.fullmatch(r"(\w[\w ]*):", line):
            group = match[1]
        elif match := re.match(r"  (?:-(\S),|   ) --([a-z0-9-]+)(?: (\S+))?(?:  |$)", line):
            options.append(Option(group, match[1] or "", match[2], match[3] or "", False))
        elif match := re.match(r"      \(([a-z0-9-]+)\)", line):
            options.append(Option(group, "", match[1], "", True))
    return options


def unescape(text):
    return re.sub(r"\\(.)", r"\1", text)


@functools.cache
def options_of_manual(program):
    """The options and, by name, what is said about each."""
    options, descriptions, group = [], {}, ""
    for paragraph in output(program, "--print-options").strip().split("\n\n"):
        if paragraph.startswith("## "):
            group = paragraph[3:]
            continue
        head, description = paragraph.split("\n\t")
        if head.startswith("("):
            option = Option(group, "", head.strip("()"), "", True)
        else:
            match = re.fullmatch(r"(?:\*-(.)\*, )?\*--([a-z0-9-]+)\*(?: _(.+)_)?", head)
            option = Option(group, match[1] or "", match[2], unescape(match[3] or ""), False)
        options.append(option)
        descriptions[option.name] = unescape(description)
    return options, descriptions


def specific(program):
    """The options that are not of the general group, which is on the command line only."""
    return [option for option in options_of_manual(program)[0] if option.group != "General"]


@functools.cache
def variables_of(program):
    """The environment variable of each option, as --help says it."""
    names = {}
    for name, description in options_of_manual(program)[1].items():
        match = re.search(r" \[([A-Z0-9_]+)\]$", description)
        names[name] = match[1] if match else "ROOMSTREAM_" + name.upper().replace("-", "_")
    return names


def configuration(text):
    """The output of --print-config, as values by name; a secret that is set has None."""
    values = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"# (\S+) is set \(not shown\)", line):
            values[match[1]] = None
        else:
            name, value = line.split(" = ", 1)
            values.setdefault(name, []).append(value)
    return values


A_FILE = "a file"


def wanted(program, variable):
    """What the program says it expects in that variable: 'a whole number from 1 to 9', A_FILE for one that it reads at once, or ''
    if it takes any text."""
    result = run(program, "--print-config", **{variable: WRONG})
    if result.returncode == 0:
        return ""
    if f"cannot read the configuration file '{WRONG}'" in result.stderr:
        return A_FILE
    match = re.search(f"{variable}: '{WRONG}' is not (.*)\n", result.stderr)
    assert match, result.stderr
    return match[1]


@functools.cache
def family_of(program):
    """The first program with the same options, which may have other defaults."""
    return next(other for other in PROGRAMS if options_of_manual(other)[0] == options_of_manual(program)[0])


@functools.cache
def wants_of(program):
    """What each option expects, by name."""
    return {option.name: wanted(program, variables_of(program)[option.name]) for option in specific(program)}
