"""Logins by token (SASL OAUTHBEARER) at a real Kafka, which checks signature, audience and expiry by a local set of keys."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from clients import create_topic, produce, wait_for_messages
from kafka_nodes import HOST, Node, await_brokers
from ports import free_ports
from programs import BIN, Programs
from token_maker import jwks
from waiting import wait_until

MAKER = Path(__file__).parent / "token_maker.py"
HANDLER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"
MODULE = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"


class TokenKafka:
    """.admin is an address without logins. A connection ends when its token does, or after five seconds."""

    def __init__(self, folder):
        folder.mkdir()
        self.keys = {name: folder / f"{name}.pem" for name in ("right", "wrong")}
        for key in self.keys.values():
            subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        (folder / "jwks.json").write_text(jwks(self.keys["right"]))
        url = f"file://{folder}/jwks.json"
        client, controller, login = free_ports(3)
        self.admin, self.address = f"{HOST}:{client}", f"{HOST}:{login}"
        addresses = [f"CLIENT://{self.admin}", f"LOGIN://{self.address}"]
        prefix = "listener.name.login.oauthbearer."
        properties = {
            "listeners": ",".join([*addresses, f"CONTROLLER://{HOST}:{controller}"]), "advertised.listeners": ",".join(addresses),
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT",
            "listener.name.login.sasl.enabled.mechanisms": "OAUTHBEARER", "sasl.enabled.mechanisms": "OAUTHBEARER",
            prefix + "sasl.jaas.config": f"{MODULE} required;", prefix + "sasl.server.callback.handler.class": HANDLER,
            "sasl.oauthbearer.jwks.endpoint.url": url, "sasl.oauthbearer.expected.audience": "kafka",
            # The default of Kafka 4.1 checks no signature.
            "sasl.oauthbearer.jwt.validator.class": "org.apache.kafka.common.security.oauthbearer.BrokerJwtValidator",
            prefix + "connections.max.reauth.ms": 5000,
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JAVA_TOOL_OPTIONS", f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={url}")
            self.node = Node(folder / "node", 1, properties, {1: controller})
            self.node.start()
        await_brokers(self.admin, 1)

    def command(self, seconds, key="right", audience="kafka"):
        return f"{sys.executable} {MAKER} '{self.keys[key]}' {seconds} {audience}"

    def runs(self):
        """How often a token was made with the right key."""
        file = self.keys["right"].with_suffix(".runs")
        return file.read_text().count("run") if file.exists() else 0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    secure = TokenKafka(tmp_path_factory.mktemp("kafka") / "kafka")
    yield secure
    secure.node.kill()


@pytest.fixture
def programs(tmp_path):
    started = Programs(tmp_path / "programs", {})
    yield started
    started.end_all()


def start_consumer(programs, kafka, command, topic="readings", *options):
    return programs.start("kafka-consume", "-b", kafka.address, "-X", "security.protocol=SASL_PLAINTEXT", "-t", topic, "--token-command", command,
                          *options)


def test_short_tokens_are_replaced_and_the_flow_goes_on(kafka, programs):
    create_topic(kafka.admin, "readings")
    before = kafka.runs()
    consumer = start_consumer(programs, kafka, kafka.command(8))
    sent, end = 0, time.monotonic() + 20
    while time.monotonic() < end:
        produce(kafka.admin, "readings", [str(sent)])
        sent += 1
        wait_until(lambda: len(consumer.stdout.split()) == sent, 30, lambda: f"{sent} messages came; {consumer.stderr[-2000:]}")
        time.sleep(0.5)
    assert kafka.runs() - before >= 3
    assert consumer.stop() == 0
    assert "no token" not in consumer.stderr
    assert "eyJ" not in consumer.stderr  # a JWT begins so


def test_produces(kafka, programs, tmp_path):
    create_topic(kafka.admin, "written")
    (tmp_path / "lines").write_text("one\ntwo\n")
    with open(tmp_path / "lines", "rb") as lines:
        result = subprocess.run([BIN / "kafka-produce", "-b", kafka.address, "-X", "security.protocol=SASL_PLAINTEXT", "-t", "written",
                                 "--token-command", kafka.command(60)], stdin=lines, capture_output=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert [message.value() for message in wait_for_messages(kafka.admin, "written", 2)] == [b"one", b"two"]


@pytest.mark.parametrize("key, audience", [("wrong", "kafka"), ("right", "another")])
def test_what_kafka_refuses_is_said(kafka, programs, key, audience):
    consumer = start_consumer(programs, kafka, kafka.command(60, key, audience))
    consumer.wait_for_log("invalid_token.*: check for whom --token-command gets it", 30)
    assert "eyJ" not in consumer.stderr
    consumer.stop()


@pytest.mark.parametrize("command, reason", [
    ("sleep 600", "it has not ended in time, and was killed"),
    ("sh -c 'echo TOP-SECRET; exit 7'", "it ended with status 7"),
    ("echo TOP-SECRET", "neither a JWT nor a JSON object"),
    ("/nowhere/token", "cannot be started"),
])
def test_a_command_that_fails_is_tried_again(kafka, programs, tmp_path, command, reason):
    consumer = start_consumer(programs, kafka, command, "readings", "--token-timeout", "1s")
    consumer.wait_for_log("no token for Kafka from --token-command: .*" + reason)
    assert "TOP-SECRET" not in consumer.stderr
    assert consumer.stop() == 0


def test_a_command_does_not_outlive_the_program(programs, kafka, tmp_path):
    """Here by an end without a signal to stop."""
    note = tmp_path / "pid"
    program = programs.run("kafka-consume", "-L", "-b", kafka.address, "-X", "security.protocol=SASL_PLAINTEXT", "--token-timeout", "1m",
                           "--token-command", f"sh -c 'echo $$ > {note}; exec sleep 600'")
    assert program.process.returncode == 1
    assert not Path(f"/proc/{note.read_text().strip()}").exists()


def test_it_recovers(kafka, programs, tmp_path):
    """A command that fails at first."""
    create_topic(kafka.admin, "later")
    script = tmp_path / "token"
    script.write_text(f"#!/bin/sh\n[ -e '{tmp_path}/open' ] || exit 1\nexec {kafka.command(60)}\n")
    script.chmod(0o755)
    consumer = start_consumer(programs, kafka, str(script), "later", "-c", "1")
    consumer.wait_for_log("it ended with status 1")
    (tmp_path / "open").touch()
    produce(kafka.admin, "later", [b"there"])
    assert consumer.wait(60) == 0 and consumer.stdout == b"there\n"


def test_wrong_use(programs):
    for options, reason in ((["-X", "security.protocol=PLAINTEXT"], "SASL_SSL"), (["-X", "sasl.mechanism=PLAIN"], "OAUTHBEARER")):
        program = programs.run("kafka-consume", "-b", "127.0.0.1:1", "-t", "x", "--token-command", "true", *options)
        assert program.process.returncode == 2 and reason in program.stderr
    program = programs.run("kafka-consume", "-b", "127.0.0.1:1", "-t", "x", "--token-command", "get --key TOP-SECRET 'a")
    assert program.process.returncode == 2 and "--token-command (get ...): it has a quote without its end" in program.stderr
    assert "TOP-SECRET" not in program.stderr
