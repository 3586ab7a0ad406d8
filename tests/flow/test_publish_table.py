"""The options that publish shares with mosquitto_pub do the same: the test compares what the broker and a subscriber see."""

import re
import uuid

import pytest
from clients import MqttClient
from programs import Program
from waiting import wait_until

HEADER = "Date,Time,S1_Temp,Room_Occupancy_Count\n"
PAYLOAD = '{"time":"2017-12-22T10:49:41","sensor":"temp","node":1,"value":24.94,"unit":"Cel","occupancy":1,"seq":1}'

# Our options as (as on the command line, name, value), the value True for a flag; and mosquitto_pub's arguments. Where they say
# nothing else, it has our defaults: MQTT 5, QoS 1, 30 seconds.
TABLE = {
    "QoS 0": ([("-q", "qos", "0")], ["-q", "0"]),
    "QoS 1": ([("-q", "qos", "1")], ["-q", "1"]),
    "QoS 2": ([("-q", "qos", "2")], ["-q", "2"]),
    "retained": ([("-r", "retain", True)], ["-r"]),
    "user": ([("-u", "username", "gateway"), ("--password-file", "password-file", "{password_file}")], ["-u", "gateway", "-P", "secret-1"]),
    "keep alive": ([("-k", "keepalive", "17")], ["-k", "17"]),
    "MQTT 5": ([("-V", "mqtt-version", "mqttv5")], ["-V", "mqttv5"]),
    "MQTT 3.1.1": ([("-V", "mqtt-version", "mqttv311")], ["-V", "mqttv311"]),
    "MQTT 3.1.1, QoS 2": ([("-V", "mqtt-version", "3.1.1"), ("-q", "qos", "2")], ["-V", "mqttv311", "-q", "2"]),
    "user properties": (
        [("--property", "property", "run=7"), ("--property", "property", "empty=")],
        ["-D", "publish", "user-property", "run", "7", "-D", "publish", "user-property", "empty", ""]),
    "IPv6": ([("-h", "host", "::1"), ("-p", "port", "{tls6_port}"), ("--cafile", "cafile", "{ca}")],
             ["-h", "::1", "-p", "{tls6_port}", "--cafile", "{ca}"]),
    "TLS": ([("-p", "port", "{tls_port}"), ("--cafile", "cafile", "{ca}")], ["-p", "{tls_port}", "--cafile", "{ca}"]),
    "client certificate": (
        [("-p", "port", "{mutual_port}"), ("--cafile", "cafile", "{ca}"), ("--cert", "cert", "{client[0]}"), ("--key", "key", "{client[1]}")],
        ["-p", "{mutual_port}", "--cafile", "{ca}", "--cert", "{client[0]}", "--key", "{client[1]}"]),
    "name not checked": (
        [("-p", "port", "{elsewhere_port}"), ("--cafile", "cafile", "{ca}"), ("--insecure", "insecure", True)],
        ["-p", "{elsewhere_port}", "--cafile", "{ca}", "--insecure"]),
    "will": ([("--will-topic", "will-topic", "wills/x")], ["--will-topic", "wills/x"]),
    "whole will": (
        [("--will-topic", "will-topic", "wills/x"), ("--will-payload", "will-payload", "gone"), ("--will-qos", "will-qos", "2"),
         ("--will-retain", "will-retain", True)],
        ["--will-topic", "wills/x", "--will-payload", "gone", "--will-qos", "2", "--will-retain"]),
}


@pytest.fixture(scope="module")
def subscriber(secured):
    with MqttClient(secured.plain_port) as client:
        client.subscribe("#", 2)
        yield client


@pytest.fixture
def readings(tmp_path):
    file = tmp_path / "readings.csv"
    file.write_text(HEADER + "2017/12/22,10:49:41,24.94,1\n")
    return ["--file", file, "--column", "S1_Temp:1", "--sensor", "temp", "--unit", "Cel", "--fast", "--quiet"]


def variable_of(name):
    return {"host": "MQTT_HOST", "port": "MQTT_PORT", "username": "MQTT_USERNAME"}.get(name, "ROOMSTREAM_" + name.upper().replace("-", "_"))


def as_arguments(options, _folder):
    return [word for letter, _, value in options for word in ([letter] if value is True else [letter, value])], {}


def as_environment(options, _folder):
    variables = {}
    for _, name, value in options:
        variables.setdefault(variable_of(name), []).append("true" if value is True else value)
    return [], {name: "\n".join(values) for name, values in variables.items()}


def as_file(options, folder):
    lines = [f"{name} = {'true' if value is True else value}" for _, name, value in options]
    (folder / "config").write_text("\n".join(["[publish]", *lines, ""]))
    return ["--config", folder / "config"], {}


def seen(secured, subscriber, client_id, topic):
    """What the broker logs of a client's CONNECT and PUBLISH, and what the subscriber has received."""
    message = wait_until(lambda: [m for m in subscriber.messages if m.topic == topic], 30, "the message arrives")[0]
    subscriber.messages.clear()
    connect = re.search(rf"as {client_id} \(p(\d), c\d, k(\d+)(, u'.*')?\)", secured.broker.log).groups()
    publish = re.search(rf"Received PUBLISH from {client_id} \(d(\d), q(\d), r(\d), .*\((\d+) bytes\)\)", secured.broker.log).groups()
    will = re.search(rf"as {client_id} .*\n(?:\d+: No will message|\d+: Will message specified \((\d+) bytes\) \(r(\d), q(\d)\)\.\n\d+: \t(\S+))",
                     secured.broker.log).groups()
    properties = {name: getattr(message.properties, name, None) for name in ("ContentType", "UserProperty")}
    return {"connect": connect, "publish": publish, "will": will, "payload": message.payload, "qos": message.qos, "properties": properties}


@pytest.mark.parametrize("form", [as_arguments, as_environment, as_file])
@pytest.mark.parametrize("name", TABLE)
def test_does_what_mosquitto_pub_does(secured, subscriber, programs, readings, tmp_path, name, form):
    ours, theirs = TABLE[name]
    ours = [(letter, option, value if value is True else value.format(**vars(secured))) for letter, option, value in ours]
    given = {option for _, option, _ in ours}
    address = [("-h", "host", "localhost"), ("-p", "port", str(secured.plain_port))]
    run = uuid.uuid4().hex
    topic = f"allowed/{run}"

    arguments, environment = form([*(option for option in address if option[1] not in given), *ours], tmp_path)
    program = programs.run("publish", *readings, "-t", topic, "-i", f"ours-{run}", *arguments, env=environment)
    assert program.process.returncode == 0, program.stderr
    by_us = seen(secured, subscriber, f"ours-{run}", topic)

    defaults = ["-h", "localhost", "-p", secured.plain_port, "-q", "1", "-k", "30"]
    if "mqttv311" not in theirs:
        defaults += ["-V", "mqttv5", "-D", "publish", "content-type", "application/json", "-D", "publish", "user-property", "key", "1"]
    theirs = [argument.format(**vars(secured)) for argument in theirs]
    reference = Program(["mosquitto_pub", *defaults, *theirs, "-i", f"theirs-{run}", "-t", topic, "-m", PAYLOAD], tmp_path)
    assert reference.wait() == 0, reference.stderr
    assert by_us == seen(secured, subscriber, f"theirs-{run}", topic)
