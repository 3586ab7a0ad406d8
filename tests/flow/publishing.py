"""What the tests of the publishers share: fixtures to import, and the data set."""

import csv
import itertools
import subprocess

import pytest
from clients import MqttClient
from programs import BIN, ROOT, Program, tied

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
FAULTS = "missing=0.05,stuck=0.01:4,spike=0.05,double=0.05,late=0.05:2"


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


def publish_from_pipe(mqtt, *arguments):
    return subprocess.Popen(
        tied([BIN / "publish-temp", "-h", "127.0.0.1", "-p", mqtt.port, "--fast", "--file", "-", *arguments]),
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)


def unread_bytes(port):
    """The number of bytes that the listener's connections have received but not read."""
    total = 0
    with open("/proc/net/tcp") as table:
        for line in table.readlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == port and fields[3] == "01":
                total += int(fields[4].split(":")[1], 16)
    return total
