"""The publishers and files that are wrong, large or written otherwise."""

import bz2
import itertools
import json
import lzma
import os
import re
import subprocess

import pytest
from programs import BIN, tied
from publishing import FAULTS, HEADER, ROW, SAMPLE, publish, subscriber

# ---- files that are wrong ----

BROKEN = {
    "missing column": (HEADER.replace("S3_Temp", "S3"), 1, r"{file}:1: there is no column 'S3_Temp'; there are: Date, Time, S1_Temp"),
    "ragged row": (HEADER + ROW + "2017/12/22,10:49:42,24.94\n", 1, r"{file}:3:4 \(S2_Temp\): missing"),
    "NUL byte": (HEADER + ROW.replace("24.75", "24\0.75"), 1, r"{file}:2:4 \(S2_Temp\): a NUL byte"),
    "text for a number": (HEADER + ROW + ROW.replace("24.56", "warm"), 1, r"{file}:3:5 \(S3_Temp\): 'warm' is not a finite decimal number"),
    "no such day": (HEADER + ROW.replace("12/22", "02/30"), 1, r"{file}:2:1 \(Date\): '2017/02/30' is not a date"),
    "stray quote": (HEADER + ROW + ROW.replace("24.94", '24"94'), 1, r"{file}:3:3 \(S1_Temp\): a quote is out of place"),
    "empty": ("", 1, r"{file}: the file is empty"),
    "header only": (HEADER, 0, r"warning: {file} has no rows"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_an_error_that_names_the_place(publish, tmp_path, fault):
    content, status, message = BROKEN[fault]
    file = tmp_path / "broken.csv"
    file.write_text(content)
    program = publish("publish-temp", "--fast", "--file", file)
    assert program.process.returncode == status, program.stderr
    assert re.search(message.format(file=re.escape(str(file))), program.stderr), program.stderr


# As R writes it, and as the UCI machine learning repository has it in "Occupancy Detection".
WITH_ROW_NAMES = '"date","Temperature","Occupancy"\n"1","2015-02-04 17:51:00",23.18,1\n"2","2015-02-04 17:51:59",23.15,0\n'
GERMAN = 'Zeit;Wert\n"2015-02-04 17:51:00";23,18\n2015-02-04 17:51:59;"-1,5"\n'
DIALECTS = {
    "row names": (WITH_ROW_NAMES, ["--time-column", "date", "--column", "Temperature:1"], ["--row-names"], "give --row-names", ["23.18", "23.15"]),
    "semicolons": (GERMAN, ["--time-column", "Zeit", "--column", "Wert:1", "--decimal-comma"], ["--separator", ";"],
                   "(';' seems to separate the fields: give --separator ';')", ["23.18", "-1.5"]),
    "quoted names": (GERMAN.replace("Zeit;Wert", '"Zeit";"Wert"'), ["--time-column", "Zeit", "--column", "Wert:1", "--decimal-comma"],
                     ["--separator", ";"], "give --separator ';'", ["23.18", "-1.5"]),
    "tabs": (GERMAN.replace(";", "\t"), ["--time-column", "Zeit", "--column", "Wert:1", "--decimal-comma"], ["--separator", "tab"],
             "(tabs seem to separate the fields: give --separator tab)", ["23.18", "-1.5"]),
    "decimal comma": (GERMAN.replace(";", "|"), ["--time-column", "Zeit", "--column", "Wert:1", "--separator", "|"], ["--decimal-comma"],
                      "'23,18' is not a finite decimal number of up to 64 characters (--decimal-comma takes", ["23.18", "-1.5"]),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_file_written_in_another_way_says_which_option_reads_it(publish, subscriber, tmp_path, dialect):
    content, arguments, option, hint, values = DIALECTS[dialect]
    file = tmp_path / "file.csv"
    file.write_text(content)
    command = ["publish", "--fast", "-t", "x", "--file", file, *arguments]
    program = publish(*command)
    assert program.process.returncode == 1 and hint in program.stderr, program.stderr
    program = publish(*command, *option)
    assert program.process.returncode == 0, program.stderr
    assert [re.search(rb'"value":([^,}]*)', m.payload)[1].decode() for m in subscriber.wait_for(len(values))] == values


def test_a_file_of_which_no_row_can_be_read_is_a_failure(publish, tmp_path):
    file = tmp_path / "file.csv"
    file.write_text(WITH_ROW_NAMES)
    program = publish("publish", "--fast", "-t", "x", "--file", file, "--time-column", "date", "--column", "Temperature:1", "--skip-bad")
    assert program.process.returncode == 1
    assert f"{file}: not one of its 2 rows can be read" in program.stderr and "give --row-names" in program.stderr


@pytest.mark.parametrize(("start", "message"), [
    (lzma.compress(b"x"), "packed by xz, which is not read: xzcat '{file}' | publish-temp ... --file -"),
    (bz2.compress(b"x"), "packed by bzip2, which is not read: bzcat '{file}' | "),
    (b"PK\3\4\x14\0\0\0", "a zip archive (.xlsx and .ods are such: save the sheet as CSV), which is not read: unzip -p '{file}' | "),
    (b"\x28\xb5\x2f\xfd\x04\0", "packed by zstd, which is not read: zstdcat '{file}' | "),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an Excel file: save it as CSV"),
])
def test_a_file_packed_otherwise_is_named_as_such(publish, tmp_path, start, message):
    file = tmp_path / "packed"
    file.write_bytes(start)
    program = publish("publish-temp", "--fast", "--file", file)
    assert program.process.returncode == 1
    assert message.format(file=file) in program.stderr, program.stderr


@pytest.mark.parametrize("number", ["1e400", "-1e400", "nan", "inf", "0x1p3"])
def test_a_number_that_no_double_can_hold_is_refused(publish, tmp_path, number):
    file = tmp_path / "file.csv"
    file.write_text(HEADER + ROW.replace("24.94", number))
    program = publish("publish-temp", "--fast", "--file", file)
    assert program.process.returncode == 1
    assert f"{file}:2:3 (S1_Temp): '{number}' is not a finite decimal number" in program.stderr


def test_what_came_before_a_broken_row_is_published(publish, subscriber, tmp_path):
    file = tmp_path / "broken.csv"
    file.write_text(HEADER + 100 * ROW + "broken\n" + ROW)
    program = publish("publish-temp", "--fast", "--file", file)
    assert program.process.returncode == 1
    assert program.summary["published"] == program.summary["acknowledged"] == 400
    assert len(subscriber.wait_for(400)) == 400


def test_bad_rows_are_skipped_when_asked(publish, subscriber, tmp_path):
    file = tmp_path / "broken.csv"
    file.write_text(HEADER + ROW + "broken\n" + 'x"y\n' + ROW + 100000 * "x" + "\n" + ROW.replace("24.94", ""))
    program = publish("publish-temp", "--fast", "--skip-bad", "--file", file)
    assert program.process.returncode == 0, program.stderr
    assert program.summary["rows"] == 2 and program.summary["bad_rows"] == 4
    assert "(2 rows, 4 bad rows" in program.stderr
    assert [json.loads(message.payload)["seq"] for message in subscriber.wait_for(8)] == list(range(1, 9))


@pytest.mark.parametrize(("file", "message"), [
    ("/nowhere/x.csv", "/nowhere/x.csv: cannot be opened: No such file or directory"),
    ("/", "/: cannot be read: Is a directory"),
])
def test_a_file_that_cannot_be_read(publish, file, message):
    program = publish("publish-temp", "--fast", "--file", file)
    assert program.process.returncode == 1
    assert message in program.stderr
    assert "connected" not in program.stderr


def test_the_data_set_is_found_without_being_named(mqtt, programs, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "occupancy-sample.csv").write_text(HEADER + ROW)
    command = f"cd {tmp_path} && {BIN}/publish-temp -h 127.0.0.1 -p {mqtt.port} --fast"
    assert "replaying data/occupancy-sample.csv" in programs.run("/bin/sh", "-c", command).stderr
    (tmp_path / "data" / "occupancy.csv").write_text(HEADER + ROW)
    assert "replaying data/occupancy.csv" in programs.run("/bin/sh", "-c", command).stderr


@pytest.mark.parametrize(("name", "arguments", "message"), [
    ("publish-temp", ["--fast", "--rate", "5"], "--fast and --rate exclude each other"),
    ("publish-temp", ["--fast", "--speed", "5"], "--speed and --fast exclude each other"),
    ("publish-temp", ["--rate", "5", "--speed", "5"], "--speed and --rate exclude each other"),
    ("publish-temp", ["--fast", "--jitter", "1s"], "--fast and --jitter exclude each other"),
    ("publish-temp", ["--nodes", "5"], "no column is for node 5"),
    ("publish-temp", ["-t", "a/#"], "wildcards"),
    ("publish-temp", ["-q", "3"], "'3' is not a whole number from 0 to 2"),
    ("publish-temp", ["--property", "x"], "'x' is not NAME=VALUE"),
    ("publish-temp", ["--property", "x=y", "-V", "3.1.1"], "--property needs --mqtt-version 5"),
    ("publish-temp", ["--sensor", "a b", "--format", "senml"], "SenML allows"),
    ("publish-temp", ["--fault", "missing=2"], "--fault: 'missing=2': the rate is a number from 0 to 1"),
    ("publish-temp", ["--from", "yesterday"], "--from: 'yesterday' is neither the number of a row"),
    ("publish-temp", ["--from", "0"], "--from: '0' is neither the number of a row"),
    ("publish-temp", ["--from", "3", "--until", "2"], "nothing lies from '3' until '2'"),
    ("publish-temp", ["--time-format", "%H:%M"], "'%H:%M' does not give a full date"),
    ("publish", ["-t", "x"], "--column NAME:NODE"),
    ("publish", ["--column", "x:1"], "--topic"),
])
def test_wrong_use(programs, name, arguments, message):
    program = programs.run(name, *arguments)
    assert program.process.returncode == 2
    assert message in program.stderr


@pytest.mark.parametrize("arguments", [["--fast"], ["--rate", "5000"], ["--speed", "1e6", "--fault", FAULTS, "--from", "290"]])
def test_the_printed_configuration_is_taken_back(publish, programs, subscriber, tmp_path, arguments):
    printed = programs.run("publish-co2", "--file", SAMPLE, *arguments, "--print-config")
    config = tmp_path / "config"
    config.write_bytes(printed.stdout)
    direct = publish("publish-co2", "--file", SAMPLE, *arguments)
    taken_back = publish("publish-co2", "--config", config)
    assert direct.process.returncode == taken_back.process.returncode == 0, taken_back.stderr
    count = int(direct.summary["published"])
    payloads = [message.payload for message in subscriber.wait_for(2 * count)]
    assert len(payloads) == 2 * count and payloads[:count] == payloads[count:]


# ---- memory ----


def run_on_pipe(mqtt, pieces, *arguments):
    """Runs publish-temp with the pieces on its standard input. Returns status, peak resident size in KiB, log, and how many bytes it was
    given."""
    process = subprocess.Popen(
        tied([BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--fast", "--nodes", "1", "--file", "-", *arguments]),
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0,
    )
    given = 0
    try:
        for piece in pieces:
            process.stdin.write(piece)
            given += len(piece)
    except BrokenPipeError:
        pass
    process.stdin.close()
    log = process.stderr.read().decode()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss, log, given


def wide_rows(width, count):
    """A file whose last column has that many bytes."""
    yield HEADER.replace("\n", ",More\n").encode()
    row = (ROW.rstrip("\n") + "," + width * "x" + "\n").encode()
    for _ in range(count):
        yield row


@pytest.mark.long
def test_memory_does_not_grow_with_the_file(mqtt):
    status, small, log, _ = run_on_pipe(mqtt, wide_rows(100, 5000))
    assert status == 0, log
    status, large, log, given = run_on_pipe(mqtt, wide_rows(60000, 5000))
    assert status == 0, log
    assert given > 300e6
    assert large - small < 4096, (small, large)


@pytest.mark.long
def test_an_endless_line_is_refused_early(mqtt):
    status, size, log, given = run_on_pipe(mqtt, itertools.chain([HEADER.encode()], itertools.repeat(65536 * b"x", 16384)))
    assert status == 1
    assert "standard input:2: the line is longer than 64 KiB" in log
    assert given < 10e6
    _, small, _, _ = run_on_pipe(mqtt, wide_rows(100, 10))
    assert size - small < 4096, (small, size)
    status, size, log, given = run_on_pipe(
        mqtt, itertools.chain([HEADER.encode()], itertools.repeat(65536 * b"x", 16384), [b"\n", ROW.encode()]), "--skip-bad")
    assert status == 0, log
    assert given > 1e9 and "published 1 messages (1 rows, 1 bad rows" in log
    assert size - small < 4096, (small, size)
