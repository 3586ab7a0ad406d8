"""The publishers on a real Mosquitto: what arrives."""

import gzip
import itertools
import json
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from clients import MqttClient
from programs import BIN
from publishing import FAULTS, HEADER, REAL, ROW, SAMPLE, SENSORS, expected_json, persistent_subscriber, program_name, publish, publish_from_pipe, rows_of, subscriber

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
