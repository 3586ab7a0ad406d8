"""Kafka behind TLS, logins and access control: with access, messages are carried; without, the program says what to do and keeps them."""

import re

import pytest
from bridges import Bridge, numbers, publish_numbers, wait_in_log
from clients import MqttClient, create_topic, read_topic, wait_for_messages
from confluent_kafka import libversion
from confluent_kafka.admin import AdminClient, ConfigResource
from programs import BIN, Programs
from secure_kafka import USERS, SecureKafka
from waiting import wait_until

# Older versions of librdkafka repeat their nonce, which Kafka 4 does not accept.
SCRAM_WORKS = libversion()[1] >= 0x020601ff
EVERYTHING = ["TOPIC:*:ALL", "GROUP:*:ALL", "TRANSACTIONAL_ID:*:ALL", "CLUSTER:kafka-cluster:CREATE"]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    with SecureKafka(tmp_path_factory.mktemp("kafka")) as secure:
        secure.grant("bridge", *EVERYTHING)
        yield secure


@pytest.fixture
def scram_kafka(request, tmp_path):
    """A Kafka that accepts SCRAM from this librdkafka."""
    if SCRAM_WORKS:
        yield request.getfixturevalue("kafka")
    else:
        with SecureKafka(tmp_path / "old-kafka", "old_kafka") as secure:
            secure.grant("bridge", *EVERYTHING)
            yield secure


@pytest.fixture
def programs(tmp_path, mqtt):
    started = Programs(tmp_path / "programs", {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(mqtt.port)})
    yield started
    started.end_all()


@pytest.fixture
def mqtt_client(mqtt):
    with MqttClient(mqtt.port) as client:
        yield client


@pytest.fixture
def bridge(programs, tmp_path):
    """Makes a bridge with these properties in a file, and these options."""

    def make(properties, *options, **others):
        file = tmp_path / f"client{len(list(tmp_path.iterdir()))}.properties"
        file.write_text(properties)
        return Bridge(programs, tmp_path, "-F", file, *options, **others)

    return make


def java_login(kafka, user="bridge", secret=None):
    """A login as Confluent Cloud's console writes it."""
    return f"""# Required connection configs for Kafka producer, consumer, and admin
bootstrap.servers={kafka.address("LOGIN")}
security.protocol=SASL_SSL
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="{user}" password="{secret or USERS[user]}";
sasl.mechanism=PLAIN
ssl.ca.location={kafka.ca}
client.dns.lookup=use_all_dns_ips
session.timeout.ms=45000
acks=all
schema.registry.url=https://registry.example
basic.auth.credentials.source=USER_INFO
basic.auth.user.info=key:secret
"""


def stored_login(kafka):
    """A login as Java's Properties.store() writes it."""
    secret = USERS["bridge"].replace("-", "\\u002d")
    return f"""#Mon Nov 30 19:00:00 UTC 2026
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username\\="bridge" password\\='{secret}';
bootstrap.servers={kafka.address("LOGIN").replace(":", chr(92) + ":")}
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
ssl.truststore.type=PEM
ssl.truststore.certificates={joined(kafka.ca)}
"""


def joined(path):
    """A PEM file as the value of a property, over continued lines."""
    return " \\\n  ".join(path.read_text().splitlines())


def ini_login(kafka):
    return f"""[default]
bootstrap.servers = {kafka.address("LOGIN")}
security.protocol = SASL_SSL
sasl.mechanisms = SCRAM-SHA-512
sasl.username = bridge
sasl.password = {USERS["bridge"]}
ssl.ca.location = {kafka.ca}
[consumer]
auto.offset.reset = earliest
"""


def mutual_tls(kafka):
    certificate, key = kafka.client
    return f"""bootstrap.servers={kafka.address("MUTUAL")}
security.protocol=SSL
ssl.ca.location={kafka.ca}
ssl.certificate.location={certificate}
ssl.key.location={key}
"""


def mutual_tls_in_the_file(kafka):
    certificate, key = kafka.client
    return f"""bootstrap.servers : {kafka.address("MUTUAL")}
security.protocol SSL
ssl.truststore.certificates={joined(kafka.ca)}
ssl.keystore.type=PEM
ssl.keystore.certificate.chain={joined(certificate)}
ssl.keystore.key={joined(key)}
"""


def tls(kafka, listener, ca):
    return f"bootstrap.servers={kafka.address(listener)}\nsecurity.protocol=SSL\nssl.ca.location={ca}\n"


def assert_carries(carrier, kafka, mqtt_client):
    publish_numbers(mqtt_client, carrier.topic, 1, 200, qos=2)
    assert numbers(wait_for_messages(kafka.admin, carrier.topic, 200)) == list(range(1, 201))
    assert carrier.stop() == {"received": 200, "delivered": 200, "spooled": 0, "dead": 0}
    for secret in USERS.values():
        assert secret not in carrier.program.stderr


@pytest.mark.parametrize("properties, mode", [
    (java_login, "at-least-once"), (java_login, "exactly-once"), (mutual_tls, "exactly-once"),
    (stored_login, "exactly-once"), (mutual_tls_in_the_file, "at-least-once")])
def test_those_who_may_carry(kafka, mqtt_client, bridge, properties, mode):
    carrier = bridge(properties(kafka), "--delivery", mode).start()
    assert_carries(carrier, kafka, mqtt_client)
    told = re.findall(r"left out.*schema\.registry\.url \(\S+:10\)", carrier.program.stderr)
    assert len(told) == (properties is java_login)


def test_scram(scram_kafka, mqtt_client, bridge):
    assert_carries(bridge(ini_login(scram_kafka)).start(), scram_kafka, mqtt_client)


def test_kafka_produce_and_consume(kafka, programs, tmp_path):
    """The same file serves a producer and a consumer."""
    file = tmp_path / "client.properties"
    file.write_text(java_login(kafka))
    create_topic(kafka.admin, "by-hand")
    lines = tmp_path / "lines"
    lines.write_text("one\ntwo\n")
    command = 'exec "$0" -t by-hand -F "$1" <"$2"'
    produce = programs.run("/bin/bash", "-c", command, BIN / "kafka-produce", file, lines)
    assert produce.process.returncode == 0, produce.stderr
    consume = programs.run("kafka-consume", "-t", "by-hand", "-F", file, "-o", "beginning", "-e")
    assert (consume.process.returncode, consume.stdout) == (0, b"one\ntwo\n"), consume.stderr


@pytest.mark.parametrize("properties, message", [
    (lambda kafka: java_login(kafka, secret="wrong"), "Invalid username or password.*check sasl.username, sasl.password"),
    (lambda kafka: ini_login(kafka) + "[default]\nsasl.password=wrong\n",
     "check sasl.username and sasl.password$" if SCRAM_WORKS else "SCRAM needs librdkafka 2.6.1 or newer: use PLAIN"),
    (lambda kafka: ini_login(kafka).replace("SHA-512", "SHA-256"), "supported mechanisms: .*set sasl.mechanism to one of those"),
    (lambda kafka: tls(kafka, "EXPIRED", kafka.ca), "certificate has expired: renew it on the broker"),
    (lambda kafka: tls(kafka, "ELSEWHERE", kafka.ca), "ostname mismatch: name the broker as its certificate does"),
    (lambda kafka: tls(kafka, "LOGIN", kafka.stranger.certificate), "issuer certificate: set ssl.ca.location"),
    (lambda kafka: tls(kafka, "MUTUAL", kafka.ca), "set ssl.certificate.location and ssl.key.location"),
    (lambda kafka: f"bootstrap.servers={kafka.address('LOGIN')}\n", "incorrect security.protocol .*: does it want TLS or a login"),
], ids=["PLAIN", "SCRAM", "mechanism", "expired", "host", "CA", "client certificate", "plain text"])
def test_what_is_refused_says_what_to_do(kafka, mqtt_client, bridge, properties, message):
    refused = bridge(properties(kafka), "--drain-timeout", "0s").start()
    wait_in_log(refused.program, message)
    publish_numbers(mqtt_client, refused.topic, 1, 3)
    wait_until(lambda: refused.spool_bytes() > 150, 20, "three messages in the spool")
    assert refused.stop() == {"received": 3, "delivered": 0, "spooled": 3, "dead": 0}


@pytest.mark.parametrize("mode", ["at-least-once", "exactly-once"])
def test_denied_rights_are_said_and_resumed(kafka, mqtt_client, bridge, mode):
    """First no right at all, then no right to create the topic. Both are reported with what to do, and everything is kept meanwhile."""
    stranger = bridge(java_login(kafka, "stranger"), "--delivery", mode, "--id", f"stranger-{mode}", "--partitions", "2",
                      "--topic-config", "retention.ms=86400000", topic=f"denied-{mode}").start()
    publish_numbers(mqtt_client, stranger.topic, 1, 100, qos=2)
    right = "transactional-id ID" if mode == "exactly-once" else "topic TOPIC"
    wait_in_log(stranger.program, f"authorization failed: grant .* kafka-acls.sh --add .*{right}")
    rights = [f"TOPIC:{stranger.topic}:WRITE", f"TOPIC:{stranger.topic}:DESCRIBE"]
    if mode == "exactly-once":
        rights += [f"TOPIC:{stranger.topic}:READ", "GROUP:stranger-exactly-once:READ"]
        rights += [f"TRANSACTIONAL_ID:stranger-exactly-once:{operation}" for operation in ("WRITE", "DESCRIBE")]
    kafka.grant("stranger", *rights)
    wait_in_log(stranger.program, rf"is missing and .* created by kafka-topics.sh --bootstrap-server {kafka.address('LOGIN')} "
                rf"--command-config \S+ --create --topic {stranger.topic} --partitions 2 --config retention.ms=86400000")
    create_topic(kafka.admin, stranger.topic)
    assert numbers(wait_for_messages(kafka.admin, stranger.topic, 100)) == list(range(1, 101))
    assert stranger.stop() == {"received": 100, "delivered": 100, "spooled": 0, "dead": 0}


def test_a_topic_is_created_as_told(kafka, bridge):
    creator = bridge(java_login(kafka), "--topic-config", "retention.ms=86400000", "--topic-config", "cleanup.policy=compact").start()
    wait_in_log(creator.program, "created the Kafka topic")
    resource = ConfigResource("topic", creator.topic)
    admin = AdminClient({"bootstrap.servers": kafka.admin})  # by name: it must live until the result is there
    settings = admin.describe_configs([resource])[resource].result(30)
    assert (settings["retention.ms"].value, settings["cleanup.policy"].value) == ("86400000", "compact")
    wrong = bridge(java_login(kafka), "--topic-config", "retention.sm=1").start()
    wait_in_log(wrong.program, "retention.sm")


def test_a_password_that_no_longer_holds(kafka, mqtt_client, bridge):
    """The password is changed at the broker while the bridge runs, and changed back."""
    carrier = bridge(java_login(kafka)).start()
    publish_numbers(mqtt_client, carrier.topic, 1, 50)
    wait_for_messages(kafka.admin, carrier.topic, 50)
    with kafka.other_passwords():
        wait_in_log(carrier.program, "Invalid username or password")
        publish_numbers(mqtt_client, carrier.topic, 51, 100)
    wait_until(lambda: len(read_topic(kafka.admin, carrier.topic)) >= 100, 60, "what was kept is in Kafka")
    assert numbers(read_topic(kafka.admin, carrier.topic)) == list(range(1, 101))
    assert carrier.stop()["spooled"] == 0
