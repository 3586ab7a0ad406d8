"""Our programs read Java's property files and login lines as Java does: both read the same files, made at random from a seed."""

import base64
import os
import random
import re
import subprocess
from pathlib import Path

import pytest
from kafka_nodes import java

READER = Path(os.environ.get("ROOMSTREAM_PRINT_PROPERTIES", "print_properties"))
SEED = 20
NASTY = [*" \t\f\n\r\\=:#!\"';,./-_$ab1uU\x01\x7f", "\u00e4", "\u00ff", "\u20ac", "\U0001f321", "\\\\", "\\n", "\\u0041"]
# Pieces of a file; "[" would make it an ini file.
PIECES = [" ", "\t", "\f", "\n", "\n", "\r", "\r\n", "\\", "\\\n", "\\\r\n  ", "\\\\", "=", ":", "#", "!", "key", "v", "\\:", "\\=", "\\ ",
          "\\t", "\\u0041", "\\u20aC", "\\ud83c\\udf21", "\\#", "\\\"", "\n# comment \\\n", "\nname = value\n"]
# Pieces of a login line.
TOKENS = ["x.PlainLoginModule", "required", " ", " ", "=", ";", "username", "password", "\"a\\\"b\"", "'c\\'d'", "e", "-", "1", "f.g", "/* h */",
          "// i\n", "\"", "\\", "user", "\n"]
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


def words(count, pick):
    return "".join(pick.choice(NASTY) for _ in range(pick.randrange(count)))


def quoted(text, pick):
    """A word of a login line that Java reads as text."""
    quote = pick.choice("\"'")
    escapes = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\\": "\\\\", quote: "\\" + quote}

    def write(c):
        if c in escapes:
            return escapes[c]
        octal = c.isascii() or c in "\u00e4\u00ff"
        return pick.choice([c, f"\\{ord(c):03o}" if octal else c, "\\" + c if c in "=:;$#! " else c])

    return quote + "".join(map(write, text)) + quote


def make_files(folder, pick):
    """Returns the user and password in each login line."""
    logins = {}
    for number in range(200):
        pairs = {f"k{words(8, pick)}{index}": words(20, pick) for index in range(5)}
        (folder / f"stored-{number:03}.pairs").write_text("".join(
            " ".join(base64.b64encode(word.encode()).decode() for word in pair) + "\n" for pair in pairs.items()))
        (folder / f"raw-{number:03}.properties").write_bytes("".join(pick.choices(PIECES, k=30)).encode())
        user, password = "u" + words(8, pick), words(30, pick)
        line = f"{PLAIN} {pick.choice(['required', 'OPTIONAL'])} username={quoted(user, pick)} x=y password{pick.choice(['=', ' = '])}{quoted(password, pick)};"
        (folder / f"login-{number:03}.jaas").write_bytes(line.encode())
        logins[f"login-{number:03}.jaas"] = (user, password)
        (folder / f"soup-{number:03}.jaas").write_bytes(
            (f"{PLAIN} required username=a password=" + "".join(pick.choices(TOKENS, k=6)) + ";").encode())
    return logins


def by_file(output, decode):
    """{file: [words of each line]}; None for a refused line, whose reason is in the second dictionary.""" 
    found, reasons = {}, {}
    for line in output.splitlines():
        name, *rest = line.split(" ")
        if rest[0] == "-":
            found[name] = None
            reasons[name] = " ".join(rest[1:])
        else:
            found.setdefault(name, []).append(tuple(decode(word).decode() for word in rest))
    return found, reasons


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """What Java reads, what our code reads, its reasons for refusals, and the parts of each login line."""
    folder = tmp_path_factory.mktemp("java-properties")
    logins = make_files(folder, random.Random(SEED))
    source = Path(__file__).parent.resolve() / "java" / "ReadProperties.java"
    # It logs to a file in its working directory.
    java_output = subprocess.run(java(source, folder), check=True, capture_output=True, timeout=120, cwd=folder).stdout.decode()
    files = sorted([*folder.glob("*.properties"), *folder.glob("*.jaas")])
    our_output = subprocess.run([READER, *files], check=True, capture_output=True, timeout=60).stdout.decode()
    theirs, _ = by_file(java_output, base64.b64decode)
    ours, reasons = by_file(our_output, bytes.fromhex)
    return theirs, ours, reasons, logins


def test_what_properties_store_writes_is_read(read):
    theirs, ours, _, _ = read
    names = [name for name in theirs if name.startswith("stored")]
    assert len(names) == 200
    for name in names:
        assert ours[name] and dict(ours[name]) == dict(theirs[name]), name


def test_whatever_stands_in_a_file_is_read_as_java_does(read):
    theirs, ours, reasons, _ = read
    accepted = 0
    for number in range(200):
        name = f"raw-{number:03}.properties"
        if ours.get(name, ()) is None:  # \k and \v: Java drops the backslash; half a surrogate pair: it keeps the half
            assert theirs[name] is None or re.search("none of the escapes|half a surrogate pair", reasons[name]), name
            continue
        accepted += 1
        wanted, found = dict(theirs.get(name, [])), dict(ours.get(name, []))
        if wanted.get("") == "":  # a lone backslash at the end of the file is a property without name to Java
            found[""] = ""
        assert found == wanted, name
    assert accepted > 60


def test_logins(read):
    theirs, ours, reasons, logins = read
    for name, login in logins.items():
        assert theirs[name] == [login], name
        assert ours[name] == [login], (name, reasons.get(name))


def test_a_login_that_java_refuses_or_reads_otherwise_is_never_sent(read):
    theirs, ours, reasons, _ = read
    soups = [name for name in theirs if name.startswith("soup")]
    for name in soups:
        if ours[name] is not None:
            assert ours[name] == theirs[name], name
        elif theirs[name] is not None:  # a quoted word that ends with its line, or no password
            assert re.search("not as in|no password", reasons[name]), (name, reasons[name])
    assert sum(ours[name] is not None for name in soups) > 5
