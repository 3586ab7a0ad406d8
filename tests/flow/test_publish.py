"""The publishers on a real Mosquitto: what arrives, how they end, and what they say about bad files and bad brokers."""

import bz2
import csv
import fcntl
import gzip
import itertools
import json
import lzma
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from brokers import Broker
from clients import MqttClient
from mosquitto import Mosquitto, free_port
from programs import BIN, ROOT, Program, tied
from proxy import Proxy
from waiting import wait_until

SAMPLE = ROOT / "data" / "occupancy-sample.csv"
REAL = ROOT.parent / "shared" / "data" / "Occupancy_Estimation.csv"

# The sensors as the data set describes them: unit, and the node of each column.
SENSORS = {
    "temp": ("Cel", {"S1_Temp": 1, "S2_Temp": 2, "S3_Temp": 3, "S4_Temp": 4}),
    "light": ("lx", {"S1_Light": 1, "S2_Light": 2, "S3_Light": 3, "S4_Light": 4}),
    "sound": ("V", {"S1_Sound": 1, "S2_Sound": 2, "S3_Sound": 3, "S4_Sound": 4}),
    "co2": ("ppm", {"S5_CO2": 5}),
    "co2_slope": ("ppm/s", {"S5_CO2_Slope": 5}),
    "pir": ("/", {"S6_PIR": 6, "S7_PIR": 7}),
}
HEADER = "Date,Time,S1_Temp,S2_Temp,S3_Temp,S4_Temp,Room_Occupancy_Count\n"
ROW = "2017/12/22,10:49:41,24.94,24.75,24.56,25.38,1\n"


@pytest.fixture
def subscriber(mqtt):
    """Receives everything that is published."""
    with MqttClient(mqtt.port) as client:
        client.subscribe("#", 2)
        yield client


@pytest.fixture
def publish(mqtt, programs, tmp_path):
    """Runs a publisher to its end; returns the program, its counts in .summary."""

    def run(name, *arguments, limit=60):
        summary = tmp_path / "summary"
        program = programs.run(name, "-h", "127.0.0.1", "-p", mqtt.port, "--summary", summary, *arguments, limit=limit)
        program.summary = read_summary(summary) if summary.exists() else None
        return program

    return run


def read_summary(path):
    return {key: float(value) for key, value in (line.split("=") for line in path.read_text().splitlines())}


def program_name(sensor):
    return "publish-" + sensor.replace("_", "-")


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def expected_json(path, sensor):
    """The payloads that a publisher must send for a file, byte by byte."""
    unit, columns = SENSORS[sensor]
    seq = itertools.count(1)
    return [
        f'{{"time":"{row["Date"].replace("/", "-")}T{row["Time"]}","sensor":"{sensor}","node":{node},'
        f'"value":{row[column]},"unit":"{unit}","occupancy":{row["Room_Occupancy_Count"]},"seq":{next(seq)}}}'.encode()
        for row in rows_of(path)
        for column, node in columns.items()
    ]


def persistent_subscriber(port, folder, topic, qos, *arguments):
    """mosquitto_sub with a session that outlives restarts of the broker; its lines are the payloads."""
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-t", topic, "-q", qos, "-i", f"keeper-{topic}-{qos}", "-c"]
    assert Program([*command, "-E"], folder, name="session").wait() == 0
    return Program([*command, *arguments], folder, name="keeper")


# ---- what arrives ----


@pytest.mark.parametrize("sensor", SENSORS)
def test_the_sample_arrives_as_json(publish, subscriber, sensor):
    expected = expected_json(SAMPLE, sensor)
    program = publish(program_name(sensor), "--fast", "--file", SAMPLE)
    assert program.process.returncode == 0, program.stderr
    messages = subscriber.wait_for(len(expected))
    assert [message.payload for message in messages] == expected
    assert {message.topic for message in messages} == {sensor}
    for message in messages:
        node = json.loads(message.payload)["node"]
        assert message.properties.UserProperty == [("key", str(node))]
        assert message.properties.ContentType == "application/json"
    assert program.summary["published"] == program.summary["acknowledged"] == len(expected)
    assert program.summary["rows"] == len(rows_of(SAMPLE))
    assert program.summary["bad_rows"] == program.summary["resent"] == 0
    assert re.search(rf"info: published {len(expected)} messages .* {len(expected)} acknowledged, in ", program.stderr.splitlines()[-1])


def test_csv_and_senml(publish, subscriber):
    rows = rows_of(SAMPLE)
    assert publish("publish-co2-slope", "--fast", "--file", SAMPLE, "--format", "csv").process.returncode == 0
    messages = subscriber.wait_for(len(rows))
    assert [message.payload.decode() for message in messages] == [
        f"{row['Date']}, {row['Time']}, {row['S5_CO2_Slope']}, 5, {row['Room_Occupancy_Count']}" for row in rows
    ]
    assert messages[0].properties.ContentType == "text/csv"

    subscriber.messages.clear()
    assert publish("publish-pir", "--fast", "--file", SAMPLE, "--format", "senml").process.returncode == 0
    messages = subscriber.wait_for(2 * len(rows))
    expected = []
    for row in rows:
        recorded = time.strptime(row["Date"] + row["Time"] + "UTC", "%Y/%m/%d%H:%M:%S%Z")
        seconds = int((time.mktime(recorded) - time.mktime(time.gmtime(0))))
        for column, node in SENSORS["pir"][1].items():
            expected.append([{"n": f"pir/{node}", "u": "/", "t": seconds, "v": int(row[column])}])
    assert [json.loads(message.payload) for message in messages] == expected
    assert messages[0].properties.ContentType == "application/senml+json"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_every_quality_of_service(publish, subscriber, qos, version):
    expected = expected_json(SAMPLE, "temp")
    program = publish("publish-temp", "--fast", "--file", SAMPLE, "-q", qos, "-V", version)
    assert program.process.returncode == 0, program.stderr
    messages = subscriber.wait_for(len(expected))
    assert [message.payload for message in messages] == expected
    assert {message.qos for message in messages} == {qos}
    assert hasattr(messages[0].properties, "UserProperty") == (version == "5")
    assert program.summary["acknowledged"] == len(expected)


def test_selection_and_properties(publish, subscriber):
    program = publish(
        "publish-temp", "--fast", "--file", SAMPLE, "--nodes", "1,3", "--limit", 5, "-t", "a/b", "-r",
        "--property", "run=7", "--property", "empty=", "--sensor", "room \"1\"", "--unit", "°C",
    )
    assert program.process.returncode == 0, program.stderr
    messages = subscriber.wait_for(5)
    said = [json.loads(message.payload) for message in messages]
    assert [(m["seq"], m["node"]) for m in said] == [(1, 1), (2, 3), (3, 1), (4, 3), (5, 1)]
    assert {(m["sensor"], m["unit"]) for m in said} == {('room "1"', "°C")}
    assert {message.topic for message in messages} == {"a/b"}
    assert messages[1].properties.UserProperty == [("key", "3"), ("run", "7"), ("empty", "")]
    subscriber.messages.clear()
    subscriber.subscribe("a/b")
    assert subscriber.wait_for(1)[0].retain
    MqttClient.published(subscriber.publish("a/b", b"", retain=True))  # the broker forgets it


def test_the_generic_publisher_takes_any_column_and_standard_input(mqtt, programs, subscriber, tmp_path):
    file = tmp_path / "any.csv"
    file.write_text('\ufeffRoom_Occupancy_Count,"Power, W",Time,Date\r\n2,.5,10:49:41,2017/12/22\r\n3,+7.,10:50:11,2017/12/22')
    command = f"cat {file} | {BIN}/publish -h 127.0.0.1 -p {mqtt.port} -t power --column 'Power, W:9' --fast --file -"
    program = programs.run("/bin/sh", "-c", command)
    assert program.process.returncode == 0, program.stderr
    assert [message.payload for message in subscriber.wait_for(2)] == [
        b'{"time":"2017-12-22T10:49:41","sensor":"power","node":9,"value":0.5,"occupancy":2,"seq":1}',
        b'{"time":"2017-12-22T10:50:11","sensor":"power","node":9,"value":7,"occupancy":3,"seq":2}',
    ]


@pytest.mark.skipif(not REAL.exists(), reason="the real data set is not here")
@pytest.mark.long
def test_the_real_data_set_arrives_whole(mqtt, publish, tmp_path):
    total = 0
    for sensor in SENSORS:
        expected = expected_json(REAL, sensor)
        keeper = persistent_subscriber(mqtt.port, tmp_path / sensor, sensor, 1, "-C", len(expected))
        assert publish(program_name(sensor), "--fast", "--quiet", "--file", REAL).process.returncode == 0
        assert keeper.wait(120) == 0
        assert keeper.stdout.splitlines() == expected
        total += len(expected)
    assert total == 162064


@pytest.mark.long
def test_recorded_time_and_rate_set_the_pace(publish, tmp_path):
    file = tmp_path / "two.csv"
    file.write_text(HEADER + ROW + ROW.replace("10:49:41", "10:49:51"))
    # Absolute deadlines: never earlier than this; how much later depends on the machine.
    assert publish("publish-temp", "--speed", 20, "--file", file).summary["seconds"] >= 0.5
    assert publish("publish-temp", "--speed", 1, "--max-gap", "300ms", "--file", file).summary["seconds"] >= 0.3
    assert publish("publish-temp", "--rate", 20, "--file", file).summary["seconds"] >= 0.35
    file.write_text(HEADER + ROW + ROW.replace("10:49:41", "10:49:41.5"))
    assert publish("publish-temp", "--speed", 1, "--jitter", "50ms", "--file", file).summary["seconds"] >= 0.5


def test_loops_and_restamping(publish, subscriber, tmp_path):
    file = tmp_path / "two.csv"
    file.write_text(HEADER + ROW + ROW.replace("10:49:41", "10:49:51"))
    before = datetime.now(UTC)
    program = publish("publish-temp", "--fast", "--nodes", 1, "--loop", 3, "--restamp", "--file", file)
    assert program.process.returncode == 0, program.stderr
    assert program.summary["rows"] == program.summary["published"] == 6
    said = [json.loads(message.payload) for message in subscriber.wait_for(6)]
    assert [m["seq"] for m in said] == [1, 2, 3, 4, 5, 6]
    times = [datetime.fromisoformat(m["time"]) for m in said]
    assert before <= times[0] <= datetime.now(UTC)
    assert {later - time for time, later in itertools.pairwise(times)} == {timedelta(seconds=10)}


def test_an_endless_loop_ends_when_told(mqtt, programs, subscriber, tmp_path):
    file = tmp_path / "one.csv"
    file.write_text(HEADER + ROW)
    program = programs.start("publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--fast", "--loop", 0, "--file", file)
    subscriber.wait_for(100)
    assert program.stop() == 0, program.stderr
    process = publish_from_pipe(mqtt, "--loop", "0")
    assert b"standard input cannot be read twice: --loop needs a file" in process.communicate(timeout=30)[1]
    assert process.returncode == 1


def test_any_csv_file(publish, subscriber, tmp_path):
    file = tmp_path / "foreign.csv"
    file.write_text("when,power,room\n" + "".join(f"22.12.2017 {hour:02d}:00:00.5,{hour},a\n" for hour in range(10)))
    usual = ["--fast", "-t", "power", "--column", "power:1", "--file", file, "--time-column", "when", "--time-format", "%d.%m.%Y %H:%M:%S.%f"]

    def values(*arguments):
        subscriber.messages.clear()
        program = publish("publish", *usual, *arguments)
        assert program.process.returncode == 0, program.stderr
        return [json.loads(m.payload)["value"] for m in subscriber.wait_for(int(program.summary["published"]))]

    assert values() == list(range(10))
    assert subscriber.messages[3].payload == b'{"time":"2017-12-22T03:00:00.500","sensor":"power","node":1,"value":3,"seq":4}'
    assert values("--from", 3, "--until", 5) == [2, 3, 4]
    assert values("--from", "2017-12-22T03:00:00.5", "--until", "2017-12-22T05:00:00.5") == [3, 4]
    assert values("--from", 9, "--loop", 2) == [8, 9, 8, 9]
    program = publish("publish", *usual, "--occupancy-column", "people")
    assert program.process.returncode == 1 and "there is no column 'people'" in program.stderr

    file.write_text("day;clock,clock,power\n2017-12-22,10:49:41Z,1\n")
    program = publish("publish", "--fast", "-t", "x", "--column", "power:1", "--file", file, "--time-column", "day;clock,clock")
    assert "'10:49:41Z' is not a time as in 10:49:41" in program.stderr


def test_a_packed_file(mqtt, publish, programs, subscriber, tmp_path):
    text = SAMPLE.read_bytes()
    file = tmp_path / "packed"
    file.write_bytes(gzip.compress(text[:5000]) + gzip.compress(text[5000:]))
    expected = expected_json(SAMPLE, "co2")
    assert publish("publish-co2", "--fast", "--file", file, "--loop", 2).process.returncode == 0
    payloads = [message.payload for message in subscriber.wait_for(2 * len(expected))]
    assert payloads[:len(expected)] == expected and len(payloads) == 2 * len(expected)

    subscriber.messages.clear()
    publisher = f"{BIN}/publish-co2 -h 127.0.0.1 -p {mqtt.port} --fast --file -"
    assert programs.run("/bin/sh", "-c", f"zcat < {file} | {publisher}").process.returncode == 0
    assert [message.payload for message in subscriber.wait_for(len(expected))] == expected
    refused = programs.run("/bin/sh", "-c", f"cat {file} | {publisher}")
    assert refused.process.returncode == 1
    assert "standard input: is packed by gzip, which is not read: zcat 'FILE' | publish-co2 ... --file -" in refused.stderr

    file.write_bytes(gzip.compress(text)[:-100])
    program = publish("publish-co2", "--fast", "--file", file, "--skip-bad")
    assert program.process.returncode == 1
    assert f"{file}: damaged at byte {file.stat().st_size + 1} of the gzip file: it ends in the middle" in program.stderr


FAULTS = "missing=0.05,stuck=0.01:4,spike=0.05,double=0.05,late=0.05:2"


def test_simulated_faults_are_marked_and_counted(publish, subscriber):
    program = publish("publish-co2", "--fast", "--file", SAMPLE, "--loop", 2, "--fault", FAULTS, "--seed", 3)
    assert program.process.returncode == 0, program.stderr
    messages = subscriber.wait_for(int(program.summary["published"]))
    recorded = 2 * [int(row["S5_CO2"]) for row in rows_of(SAMPLE)]
    marks = Counter()
    for message in messages:
        properties = dict(message.properties.UserProperty)
        said = json.loads(message.payload)
        kind = properties.get("fault", "none")
        marks[kind] += 1
        marks["missing"] += int(properties.get("missing", 0))
        value = recorded[said["seq"] - 1]
        assert said["value"] in {"stuck": recorded, "spike": [11 * value, -9 * value]}.get(kind, [value]), (said, properties)
    seqs = [json.loads(message.payload)["seq"] for message in messages]
    assert len(recorded) - len(set(seqs)) == program.summary["fault_missing"]
    assert len(seqs) - len(set(seqs)) == program.summary["fault_double"]
    for kind in ("missing", "stuck", "spike", "double", "late"):
        assert marks[kind] == program.summary[f"fault_{kind}"] > 0
    assert re.search(rf"simulated faults: {marks['missing']} missing, {marks['stuck']} stuck", program.stderr)

    subscriber.messages.clear()
    program = publish("publish-co2", "--fast", "--file", SAMPLE, "--loop", 2, "--fault", FAULTS, "--seed", 3, "-V", "3.1.1")
    assert "the simulated faults are not marked" in program.stderr
    assert [m.payload for m in subscriber.wait_for(len(messages))] == [m.payload for m in messages]


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


# ---- brokers that come and go ----


def seqs_of(payloads):
    return Counter(json.loads(payload)["seq"] for payload in payloads)


def test_waits_for_a_broker_that_is_down(programs, tmp_path):
    broker = Broker("mqtt", tmp_path / "mqtt").start()
    try:
        broker.stop()
        program = programs.start("publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--fast", "--file", SAMPLE)
        program.wait_for_log("cannot connect to the MQTT broker")
        broker.start()
        assert program.wait() == 0, program.stderr
        assert "published 1200 messages" in program.stderr
    finally:
        broker.stop()


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.long
def test_the_broker_is_restarted_in_the_middle(programs, tmp_path, qos):
    """A subscriber at QoS 1 shows that nothing is lost, one at QoS 2 that nothing is doubled: mosquitto_sub 2.0.11 at QoS 2 may
    lose what it had answered with PUBREC when the connection broke."""
    broker = Broker("mqtt", tmp_path / "mqtt").start()
    try:
        keeper = persistent_subscriber(broker.port, tmp_path / "keeper", "restarts", 1)
        exact = persistent_subscriber(broker.port, tmp_path / "exact", "restarts", 2)
        program = programs.start(
            "publish-temp", "-h", "127.0.0.1", "-p", broker.port, "-t", "restarts", "-q", qos, "--rate", 400, "--file", SAMPLE,
            "--summary", tmp_path / "summary",
        )
        for lines in (200, 600):
            wait_until(lambda: keeper.stdout.count(b"\n") > lines, 30, "messages arrive")
            broker.restart()
        assert program.wait(60) == 0, program.stderr
        summary = read_summary(tmp_path / "summary")
        assert summary["published"] == summary["acknowledged"] == 1200
        assert summary["late"] > 0
        wait_until(lambda: len(seqs_of(keeper.stdout.splitlines())) >= 1200, 30, "all messages arrive")
        assert sorted(seqs_of(keeper.stdout.splitlines())) == list(range(1, 1201))
        if qos == 2 and "a new session begins" not in program.stderr:
            wait_until(lambda: 1200 in seqs_of(exact.stdout.splitlines()), 30, "the last message arrives at QoS 2")
            assert max(seqs_of(exact.stdout.splitlines()).values()) == 1
        keeper.stop()
        exact.stop()
    finally:
        broker.stop()


@pytest.mark.long
def test_a_broker_that_forgets_everything_gets_it_again(programs, tmp_path):
    """Frozen with a full window, killed, and started without its memory: what it had not acknowledged is sent again."""
    folder = tmp_path / "mosquitto"
    with Mosquitto(folder) as broker:
        program = programs.start(
            "publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--rate", 2000, "--file", SAMPLE, "--summary", tmp_path / "summary",
            "-k", "5s",
        )
        program.wait_for_log("connected")
        broker.program.send(signal.SIGSTOP)
        wait_until(lambda: unread_bytes(broker.port) > 500, 30, "messages wait unread")
        broker.program.kill()
        again = Program(["mosquitto", "-c", folder / "mosquitto.conf"], folder, name="again")
        try:
            assert program.wait(60) == 0, program.stderr
        finally:
            again.kill()
    summary = read_summary(tmp_path / "summary")
    assert summary["published"] == summary["acknowledged"] == 1200
    assert summary["resent"] > 0


@pytest.fixture
def proxy_to():
    """Makes a proxy to a port, whose connections can be cut."""
    proxies = []

    def make(port):
        proxies.append(Proxy(port))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


@pytest.mark.parametrize(("qos", "version"), [(1, "5"), (2, "5"), (1, "3.1.1")])
@pytest.mark.long
def test_connections_that_are_reset_under_load(programs, tmp_path, proxy_to, qos, version):
    """Paho 1.3.12 frees a message when writing it fails, and would then send whatever takes its place in memory."""
    with Mosquitto(tmp_path / "mosquitto", "max_queued_messages 0", "max_inflight_messages 200") as broker, MqttClient(broker.port) as client:
        client.subscribe("resets")
        proxy = proxy_to(broker.port)
        program = programs.start("publish-temp", "-h", "127.0.0.1", "-p", proxy.port, "-t", "resets", "-q", qos, "-V", version, "--quiet",
                                 "--rate", 3000, "--file", many_rows(tmp_path, 25000), "--summary", tmp_path / "summary")

        def wait_for_more():
            before = len(client.messages)
            wait_until(lambda: len(client.messages) > before + 1000, 60, lambda: "messages arrive; " + program.stderr[-2000:])

        def cut_is_seen(count):
            """Cuts an established connection. Messages from before may still arrive."""
            events = re.findall(r"broker \S+ lost|cannot connect|connected to", program.stderr)
            if events[-1] == "connected to":
                proxy.cut()
            return len([event for event in events if event.endswith("lost")]) >= count

        for resets in range(1, 4):
            wait_for_more()
            wait_until(lambda: cut_is_seen(resets), 30, lambda: f"connection {resets} is lost; {program.stderr[-2000:]}")
        wait_for_more()
        assert program.stop() == 0, program.stderr
        published = read_summary(tmp_path / "summary")["published"]
        wait_until(lambda: json.loads(client.messages[-1].payload)["seq"] == published, 30, "the last message arrives")
        assert set(seqs_of(message.payload for message in client.messages)) == set(range(1, int(published) + 1))


def many_rows(folder, count):
    file = folder / "many.csv"
    file.write_text(HEADER + count * ROW)
    return file


def unread_bytes(port):
    """The number of bytes that the listener's connections have received but not read."""
    total = 0
    with open("/proc/net/tcp") as table:
        for line in table.readlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == port and fields[3] == "01":
                total += int(fields[4].split(":")[1], 16)
    return total


@pytest.mark.long
def test_nothing_is_lost_silently_at_qos_0_while_the_broker_is_away(programs, tmp_path):
    broker = Broker("mqtt", tmp_path / "mqtt").start()
    try:
        program = programs.start(
            "publish-temp", "-h", "127.0.0.1", "-p", broker.port, "-q", 0, "--rate", 400, "--file", SAMPLE)
        program.wait_for_log("connected")
        broker.stop()
        program.wait_for_log("lost")
        broker.start()
        with MqttClient(broker.port) as client:
            client.subscribe("temp", 0)
            assert program.wait(60) == 0, program.stderr
            assert "published 1200 messages" in program.stderr
            wait_until(lambda: client.messages and json.loads(client.messages[-1].payload)["seq"] == 1200, 30, "the last arrives")
    finally:
        broker.stop()


@pytest.mark.parametrize("inflight", [1, 2, 5])
@pytest.mark.long
def test_a_small_receive_maximum(programs, tmp_path, inflight):
    with Mosquitto(tmp_path / "mosquitto", f"max_inflight_messages {inflight}") as broker:
        program = programs.run("publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--fast", "--file", SAMPLE)
        assert program.process.returncode == 0, program.stderr
        assert "1200 acknowledged" in program.stderr


def test_a_refused_message_is_an_error(programs, tmp_path):
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    acl.chmod(0o644)
    with Mosquitto(tmp_path / "mosquitto", f"acl_file {acl}") as broker:
        program = programs.run("publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--fast", "--file", SAMPLE)
        assert program.process.returncode == 1
        assert "the broker refuses a message to the topic 'temp': 0x87 Not authorized" in program.stderr
        assert program.stderr.count("refuses") == 1


def test_a_broker_without_the_quality_of_service_is_an_error(programs, tmp_path):
    with Mosquitto(tmp_path / "mosquitto", "max_qos 1") as broker:
        program = programs.run("publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--fast", "-q", 2, "--file", SAMPLE)
        assert program.process.returncode == 1
        assert "the broker grants QoS 1 at most where QoS 2 is needed" in program.stderr


def test_nobody_subscribes_is_no_error(publish):
    assert publish("publish-temp", "--fast", "-t", "lonely", "--file", SAMPLE).process.returncode == 0


# ---- being stopped ----


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_everything_acknowledged(mqtt, programs, tmp_path, signum):
    program = programs.start(
        "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", 300, "--file", SAMPLE, "--summary", tmp_path / "summary")
    program.wait_for_log("connected")
    program.send(signum)
    assert program.wait() == 0, program.stderr
    summary = read_summary(tmp_path / "summary")
    assert summary["published"] == summary["acknowledged"] < 1200


def test_a_signal_while_it_waits_for_a_broker(programs):
    waiting = programs.start("publish-temp", "-h", "127.0.0.1", "-p", free_port(), "--file", SAMPLE)
    waiting.wait_for_log("cannot connect")
    assert waiting.stop() == 0, waiting.stderr
    assert "published 0 messages" in waiting.stderr


def publish_from_pipe(mqtt, *arguments):
    return subprocess.Popen(
        tied([BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--fast", "--file", "-", *arguments]),
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)


def test_a_signal_while_it_waits_for_the_header(mqtt):
    process = publish_from_pipe(mqtt)
    wait_until(lambda: catches(process.pid, signal.SIGTERM), 10, "the signal is handled")
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=30)[1]
    assert process.returncode == 0, log
    assert b"error" not in log


@pytest.fixture
def fifo_reader(mqtt, programs, tmp_path):
    """Publishes from a FIFO that nobody has opened for writing yet."""
    os.mkfifo(tmp_path / "fifo")
    program = programs.start("publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--fast", "--file", tmp_path / "fifo")
    wait_until(lambda: catches(program.pid, signal.SIGTERM), 10, "the signal is handled")
    return program


def test_a_signal_while_nobody_writes_to_a_fifo(fifo_reader):
    assert fifo_reader.stop() == 0, fifo_reader.stderr
    assert "error" not in fifo_reader.stderr


def test_a_fifo_is_read_to_its_end(fifo_reader, subscriber, tmp_path):
    (tmp_path / "fifo").write_text(HEADER + ROW)
    assert fifo_reader.wait(30) == 0, fifo_reader.stderr
    subscriber.wait_for(4)


def catches(pid, signum):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"SigCgt:\s*(\w+)", status.read()).group(1), 16) >> (signum - 1) & 1


def test_a_signal_while_it_waits_for_the_rest_of_a_row(mqtt, subscriber):
    process = publish_from_pipe(mqtt)
    process.stdin.write((HEADER + ROW + ROW.rstrip("\n")).encode())  # the last number may go on
    subscriber.wait_for(4)
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=30)[1]
    assert process.returncode == 0, log
    assert b"error" not in log and b"published 4 messages" in log
    assert len(subscriber.messages) == 4


@pytest.mark.long
def test_what_is_not_acknowledged_when_stopped_is_told(programs, tmp_path):
    with Mosquitto(tmp_path / "mosquitto") as broker:
        program = programs.start(
            "publish-temp", "-h", "127.0.0.1", "-p", broker.port, "--rate", 2000, "--file", SAMPLE, "--drain-timeout", "200ms",
            "--summary", tmp_path / "summary")
        program.wait_for_log("connected")
        broker.program.send(signal.SIGSTOP)
        wait_until(lambda: unread_bytes(broker.port) > 500, 30, "messages wait unread")
        assert program.stop() == 1
        assert re.search(r"error: \d+ published messages are not acknowledged", program.stderr)
        summary = read_summary(tmp_path / "summary")
        assert summary["published"] > summary["acknowledged"]


# ---- progress ----


def run_on_terminal(columns, *command, term="xterm"):
    """Runs a command with such a terminal of that width as its standard error; returns status and all that was written to it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(tied(command), stdin=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": term})
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # EIO: the other side is closed
        pass
    os.close(ours)
    return process.wait(30), written.decode()


def test_a_bar_is_drawn_on_a_terminal(mqtt):
    command = [BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", "1000", "--file", SAMPLE]
    status, written = run_on_terminal(100, *command)
    assert status == 0
    bars = re.findall(r"\r\x1b\[K(\[=*>? *\] \d+%, \d+ messages, [^\r\n]*)", written)
    assert len(bars) > 3
    assert all(len(bar) < 100 for bar in bars)
    counts = [int(re.search(r"(\d+) messages", bar).group(1)) for bar in bars]
    assert counts == sorted(counts) and counts[-1] > counts[0]
    assert re.search(r"\r\x1b\[K2[-0-9]+T[^\n]* published 1200 messages", written)
    status, written = run_on_terminal(30, *command)
    assert status == 0
    bars = re.findall(r"\r\x1b\[K(\d+%, [^\r\n]*)", written)
    assert bars and all(len(bar) < 30 for bar in bars)


def test_the_bar_of_an_endless_replay_follows_the_terminal_s_width(mqtt, tmp_path):
    file = tmp_path / "ten.csv"
    file.write_text(HEADER + 10 * ROW)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        tied([BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", "500", "--loop", "0", "--file", file]),
        stdin=subprocess.DEVNULL, stderr=theirs)

    def bars_until(columns, pattern):
        """Sets the terminal's width and reads until a bar matches; returns the bars that were written since."""
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        written, end = "", time.monotonic() + 30
        while not re.search(r"\x1b\[K" + pattern, written):
            assert time.monotonic() < end, written
            if select.select([ours], [], [], 1)[0]:
                written += os.read(ours, 65536).decode()
        return re.findall(r"\r\x1b\[K([^\r\n]*)", written)

    try:
        assert not any("%" in bar or "left" in bar for bar in bars_until(100, r"\d+ messages, \d+/s, \d+ rows, loop \d+, \d+ in flight"))
        assert len(bars_until(25, r"\d+ messages, \d+/s\r")[-1]) < 25
        bars_until(100, r"\d+ messages, \d+/s, \d+ rows, loop [1-9]\d+, ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def test_log_lines_and_the_end_clear_the_bar(mqtt, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text(HEADER + 100 * ROW + "bad\n" + 100 * ROW)
    command = [BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", "1000", "--skip-bad", "--file", file]
    status, written = run_on_terminal(100, *command)
    assert status == 0
    assert re.search(r"in flight\r\x1b\[K2[-0-9]+T[^\n]* row skipped", written), written
    status, written = run_on_terminal(100, *command, "--log-level", "error")
    assert status == 0
    assert written.endswith("in flight\r\x1b[K")


@pytest.mark.parametrize("term", ["dumb", ""])
def test_no_bar_on_a_terminal_that_clears_no_line(mqtt, term):
    command = [BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--rate", "1000", "--file", SAMPLE, "--limit", "500"]
    status, written = run_on_terminal(100, *command, term=term)
    assert status == 0 and "\x1b" not in written and "published 500 messages" in written


def test_no_bar_when_quiet_or_in_a_file(mqtt, programs):
    command = ["-h", "127.0.0.1", "-p", str(mqtt.port), "--rate", "1000", "--file", str(SAMPLE)]
    status, written = run_on_terminal(100, BIN / "publish-temp", *command, "--quiet")
    assert status == 0 and "\x1b" not in written
    status, written = run_on_terminal(100, BIN / "publish-temp", *command, "--log-format", "json")
    assert status == 0 and "\x1b" not in written
    assert all(json.loads(line) for line in written.splitlines())
    assert "\x1b" not in programs.run("publish-temp", *command).stderr
