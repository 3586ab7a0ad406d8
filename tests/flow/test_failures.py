"""Every way in which a program can fail: what it says, and that it ends as it should. Run with the sanitizers' build, which also
finds what a crash would only show elsewhere (scripts/test.sh does)."""

import re
import socket
import sqlite3
import threading
from contextlib import contextmanager

import pytest
from clients import create_topic, produce
from postgres import Postgres
from programs import BIN, ROOT, Program
from secure_kafka import USERS, SecureKafka
from waiting import wait_until

GOES_ON = None  # the program waits until it is stopped
SANITIZERS = re.compile(r"(AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error).*", re.DOTALL)


@contextmanager
def server(answer):
    """Listens on a free port of 127.0.0.1. answer(connection) is called for each connection, which is closed when it returns."""
    closed = threading.Event()

    def serve(connection):
        with connection:
            try:
                answer(connection, closed)
            except OSError:
                pass

    def listen():
        while True:
            try:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        threading.Thread(target=listen, daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            closed.set()
            listening.shutdown(socket.SHUT_RDWR)


def http(body):
    def answer(connection, _closed):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return answer


def says(data):
    def answer(connection, closed):
        connection.sendall(data)
        closed.wait(60)
    return answer


def echoes(connection, _closed):
    while data := connection.recv(4096):
        connection.sendall(data)


# Servers of other kinds than our programs expect.
PEERS = {
    "closes": lambda _connection, _closed: None,
    "silent": lambda _connection, closed: closed.wait(60),
    "zeros": says(bytes(4096)),
    "ones": says(b"\xff" * 4096),
    "english": says(b"220 mail.example ESMTP\r\n" * 50),
    "echoes": echoes,
    "no-json": http(b"<html>"),
    "empty-json": http(b""),
    "null": http(b"null"),
    "empty-object": http(b"{}"),
    "nested": http(b"[" * 5000),
    "wrong-types": http(b'{"bridge":[1],"mqtt":5,"kafka":null,"spool":"x","latency_ms":[],"rate":{},"dead_letters":{}}'),
}


@pytest.fixture(scope="session")
def ports():
    """The ports of the peers by name, and one at which nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        found, managers = {"nobody": nobody.getsockname()[1]}, []
        for name, answer in PEERS.items():
            managers.append(server(answer))
            found[name] = managers[-1].__enter__()
        yield found
        for manager in managers:
            manager.__exit__(None, None, None)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    with SecureKafka(tmp_path_factory.mktemp("kafka")) as secure:
        for topic in ("a.b", "plain"):
            create_topic(secure.admin, topic)
        create_topic(secure.admin, "small", config={"max.message.bytes": "1000"})
        yield secure


def login(kafka, password):
    """The options of a user who may log in, and nothing else."""
    file = kafka.ca.with_name(f"{password}.properties")
    file.write_text(f"security.protocol=SASL_SSL\nssl.ca.location={kafka.ca}\nsasl.mechanism=PLAIN\n"
                    f"sasl.username=stranger\nsasl.password={password}\n")
    return ["-b", kafka.address("LOGIN"), "-F", file]


def tls(kafka, listener, *properties):
    return ["-b", kafka.address(listener), "-X", "security.protocol=SSL", "-X", f"ssl.ca.location={kafka.ca}", *properties]


class Attempts:
    """Starts programs at the same time, and checks all of them at the end of the with block."""

    def __init__(self, folder):
        self._folder = folder
        self._started = []

    def start(self, name, program, arguments, text, status=GOES_ON, stdin=b""):
        """text: a regular expression that the log has then. status: what it ends with by itself."""
        if program == "store":
            # Members of one group would wait for each other; at its end each one waits for its database.
            arguments = ["-G", name, "--drain-timeout", "1s", *arguments]
        folder = self._folder / name
        folder.mkdir()
        (folder / "stdin").write_bytes(stdin)
        with open(folder / "stdin", "rb") as file:
            started = Program([BIN / program, *map(str, arguments)], folder, stdin=file)
        self._started.append((name, started, text, status))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        try:
            if not any(failure):
                faults = [fault for attempt in self._started if (fault := self._judge(*attempt))]
                assert not faults, "\n\n".join(faults)
        finally:
            for _, program, _, _ in self._started:
                program.kill()

    @staticmethod
    def _judge(name, program, text, status):
        """What is wrong with it, as a text."""
        try:
            wait_until(lambda: not program.is_running() or status is GOES_ON and re.search(text, program.stderr), 120, "its end")
            ended = program.stop(60) if status is GOES_ON else program.wait()
        except AssertionError as error:
            return f"{name}: {error}; its log:\n{program.stderr[-2000:]}"
        if found := SANITIZERS.search(program.stderr):
            return f"{name}: {found.group()[:5000]}"
        if ended not in ((0, 1) if status is GOES_ON else (status,)):
            return f"{name} ended with {ended}; its log:\n{program.stderr[-2000:]}"
        return None if re.search(text, program.stderr) else f"{name} has no /{text}/ in its log:\n{program.stderr[-2000:]}"


@pytest.fixture
def attempts(tmp_path):
    return Attempts(tmp_path)


IMPATIENT = ("-X", "socket.timeout.ms=1000", "-X", "socket.connection.setup.timeout.ms=1000", "-X", "request.timeout.ms=1000")
NO_KAFKA = ("nobody", "closes", "silent", "zeros", "ones", "english", "echoes")


def kafka_failures(kafka, ports):
    """name: (options, what the program says), for programs that write to a topic and make it where it is missing."""
    address = ["-b", kafka.admin]
    yield "replication", [*address, "--replication", 3], "refuses to create it.*replication"
    yield "setting", [*address, "--topic-config", "retention.ms=abc"], "refuses to create it.*retention.ms"
    yield "unknown-setting", [*address, "--topic-config", "no.such=1"], "refuses to create it"
    yield "partitions", [*address, "--partitions", 100000], "refuses to create it|cannot create"
    yield "wrong-password", login(kafka, "wrong"), "sasl.username"
    yield "no-rights", login(kafka, USERS["stranger"]), "kafka-acls.sh|does not let this client create it|authorization failed"
    yield "no-tls", ["-b", kafka.address("LOGIN")], "TLS|timed out|Timed out|down"
    yield "tls-at-plain", tls(kafka, "LOGIN")[2:] + address, "SSL|down|Timed out"
    yield "no-certificate", tls(kafka, "MUTUAL"), "certificate"
    yield "expired", tls(kafka, "EXPIRED"), "expired"
    yield "elsewhere", tls(kafka, "ELSEWHERE"), "refused.*name"
    for peer in NO_KAFKA:
        yield peer, ["-b", f"127.0.0.1:{ports[peer]}", *IMPATIENT], "Kafka"


@pytest.mark.parametrize("mode", ["at-least-once", "exactly-once"])
def test_bridge_and_kafka(attempts, kafka, ports, mqtt, tmp_path, mode):
    with attempts:
        for name, options, text in kafka_failures(kafka, ports):
            attempts.start(name, "bridge", ["-p", mqtt.port, "-h", "127.0.0.1", "-t", f"{mode}-{name}", "--spool", tmp_path / f"spool-{name}",
                                            "--delivery", mode, "--drain-timeout", "1s", *options], text)
        attempts.start("collides", "bridge", ["-p", mqtt.port, "-h", "127.0.0.1", "-t", "x", "--kafka-topic", "a_b", "--spool", tmp_path / "spool",
                                              "--delivery", mode, "-b", kafka.admin], "choose another name")


def test_kafka_produce(attempts, kafka, ports):
    with attempts:
        for name, options, text in kafka_failures(kafka, ports):
            give_up = ["-X", f"message.timeout.ms={2000 if name in NO_KAFKA else 20000}"]
            attempts.start(name, "kafka-produce", ["-t", f"produced-{name}", *options, *give_up], text, 1, b"line\n")
        here = ["-b", kafka.admin]
        attempts.start("collides", "kafka-produce", ["-t", "a_b", *here], "choose another name", 1, b"line\n")
        attempts.start("name", "kafka-produce", ["-t", "a/b", *here], "topic", 2)
        attempts.start("too-large", "kafka-produce", ["-t", "small", *here], "line 1", 1, b"x" * 3000 + b"\n")
        attempts.start("no-partition", "kafka-produce", ["-t", "plain", "-p", 9, *here], "line 1", 1, b"line\n")
        attempts.start("future", "kafka-produce", ["-t", "plain", "--jsonl", *here], "line 1", 1, b'{"value":"x","timestamp":9000000000000}\n')
        attempts.start("no-json", "kafka-produce", ["-t", "plain", "--jsonl", *here], "line 1", 1, b'{"value":\n[[[[\n\0\n"x"\n{"headers":5}\n')


def test_kafka_consume(attempts, kafka, ports):
    with attempts:
        for name, options, text in kafka_failures(kafka, ports):
            if {"--replication", "--topic-config", "--partitions"} & set(options):
                continue
            if name == "no-rights":
                text = "kafka-acls.sh"
            limit = "60s" if name == "no-rights" else "30s"
            for group in ([], ["-G", "g"]):
                attempts.start(name + "".join(group), "kafka-consume", ["-t", "plain", *group, "-W", limit, *options],
                               "" if group and name != "no-rights" else text, 27)
        here = ["-b", kafka.admin]
        attempts.start("missing", "kafka-consume", ["-t", "missing", "-W", "2s", *here], "missing", 27)
        attempts.start("no-partition", "kafka-consume", ["-t", "plain", "-p", 9, "-W", "2s", *here], "no partition 9", 27)
        attempts.start("offset", "kafka-consume", ["-t", "plain", "-o", 1000, "-W", "60s", *here], "out of range", 1)


def test_estimate(attempts, kafka, ports, tmp_path):
    here = ["-b", kafka.admin]
    model = tmp_path / "model.json"
    model.write_text((ROOT / "estimate" / "model.json").read_text().replace('"temp/1"', '"plain/1"'))
    for topic in ("temp", "light", "sound", "co2", "co2_slope", "pir"):
        create_topic(kafka.admin, topic)
    produce(kafka.admin, "plain", [b"", b"[", b"[" * 5000, b"\xff", b"{}", b'{"time":"2024-01-01T00:00:00","node":1,"value":1e999}',
                                   b'{"time":"2024-01-01T00:00:00","node":1,"value":1}'])
    with attempts:
        for name, options, text in kafka_failures(kafka, ports):
            attempts.start(name, "estimate", ["-t", f"estimated-{name}", "-i", name, *options], text)
        attempts.start("collides", "estimate", ["-t", "a_b", *here], "choose another name")
        attempts.start("no-inputs", "estimate", ["-m", model, "-t", "estimated", "-i", "x", "-w", "0", *here], "no reading: ")
        attempts.start("no-model", "estimate", ["-m", tmp_path / "nowhere", *here], "nowhere", 2)
        attempts.start("a-folder", "estimate", ["-m", tmp_path, *here], "Is a directory", 2)
        attempts.start("no-json", "estimate", ["-m", __file__, *here], "scripts/train.py", 2)
        attempts.start("own-topic", "estimate", ["-t", "temp", *here], "a topic that the model reads", 2)
        attempts.start("no-port", "estimate", ["--http", f"127.0.0.1:{ports['silent']}", *here], "in use|cannot", 1)


def test_store_and_kafka(attempts, kafka, ports, tmp_path):
    with attempts:
        for name, options, text in kafka_failures(kafka, ports):
            if {"--replication", "--topic-config", "--partitions"} & set(options):
                continue
            text = "kafka-acls.sh" if name == "no-rights" else text
            attempts.start(name, "store", ["-t", "plain", "-d", f"sqlite:{tmp_path}/{name}.db", *options], text)
        here = ["-b", kafka.admin, "-d", f"sqlite:{tmp_path}/here.db"]
        attempts.start("missing", "store", ["-t", "missing", *here], "missing")
        attempts.start("topic-name", "store", ["-t", "a/b", *here], "'a/b'", 2)
        attempts.start("property", "store", ["-X", "no.such=1", *here], "no.such", 2)
        attempts.start("needed", "store", ["-X", "enable.auto.commit=true", *here], "enable.auto.commit", 2)
        attempts.start("port-taken", "store", ["--http", f"127.0.0.1:{ports['silent']}", *here], "cannot serve HTTP.*in use", 1)
        attempts.start("pointer", "store", ["--value", "value", *here], "--value", 2)


def sqlite_file(path, sql):
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()
    return ["-d", f"sqlite:{path}"]


NEWER = "CREATE TABLE schema_version (version integer NOT NULL); INSERT INTO schema_version VALUES (99);"
FOREIGN = "CREATE TABLE schema_version (version integer NOT NULL); INSERT INTO schema_version VALUES (2); CREATE TABLE reading (a text);"
TAKEN = "CREATE TABLE reading (a text);"


def test_store_and_sqlite(attempts, kafka, tmp_path):
    here = ["-b", kafka.admin, "-t", "plain"]
    file = tmp_path / "file"
    file.write_bytes(b"no database" * 200)
    locked = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    with attempts:
        attempts.start("no-database", "store", [*here, "-d", f"sqlite:{file}"], "not a database", 1)
        attempts.start("folder", "store", [*here, "-d", f"sqlite:{tmp_path}"], "rights of the file and its folder")
        attempts.start("below-a-file", "store", [*here, "-d", f"sqlite:{file}/x"], "rights of the file and its folder")
        attempts.start("kind", "store", [*here, "-d", "mysql://x"], "sqlite:FILE", 2)
        attempts.start("empty", "store", [*here, "-d", ""], "--database|sqlite:FILE", 2)
        attempts.start("newer", "store", [*here, *sqlite_file(tmp_path / "newer.db", NEWER)], "version 99.*newer program", 1)
        attempts.start("foreign", "store", [*here, *sqlite_file(tmp_path / "foreign.db", FOREIGN)], "no column|no such table")
        attempts.start("taken", "store", [*here, *sqlite_file(tmp_path / "taken.db", TAKEN)], "already exists")
        attempts.start("locked", "store", [*here, "-d", f"sqlite:{tmp_path}/locked.db"], "another program has it locked")
        attempts.start("full", "store", [*here, "-d", "sqlite:/dev/full"], "cannot be used")
    locked.close()


def test_store_and_postgresql(attempts, kafka, ports, tmp_path):
    here = ["-b", kafka.admin, "-t", "plain", "--database-timeout", "2s"]
    with Postgres(tmp_path / "postgres") as server, attempts:
        server.sql("CREATE ROLE guarded LOGIN PASSWORD 'right'; CREATE ROLE stranger LOGIN", "postgres")
        for name, sql in (("newer", NEWER), ("foreign", FOREIGN), ("taken", TAKEN), ("bare", ""), ("readonly", "")):
            server.sql(f'CREATE DATABASE "{name}"', "postgres")
            server.sql(sql or "SELECT 1", name)
        server.sql("ALTER DATABASE readonly SET default_transaction_read_only = on", "postgres")
        server.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "bare")

        def at(database, user="postgres"):
            return [*here, "-d", server.url(user).replace("/readings", f"/{database}")]

        for peer in NO_KAFKA:
            attempts.start(f"peer-{peer}", "store", [*here, "-d", f"postgresql://127.0.0.1:{ports[peer]}/x"], "database cannot be used.*PostgreSQL")
        attempts.start("no-host", "store", [*here, "-d", "postgresql://no.such.host.invalid/x"], "could not translate host name")
        attempts.start("password", "store", at("readings", "guarded"), "no password supplied|password authentication failed")
        attempts.start("in-address", "store", [*here, "-d", "postgresql://a:secret@h/d"], "PGPASSFILE", 2)
        attempts.start("address", "store", [*here, "-d", "postgresql://h/d?no_such=1"], "no_such", 2)
        attempts.start("no-role", "store", at("readings", "nobody_here"), "does not exist")
        attempts.start("no-database", "store", at("nowhere"), 'database "nowhere" does not exist')
        attempts.start("no-right", "store", at("bare", "stranger"), "GRANT the right")
        attempts.start("read-only", "store", at("readonly"), "read-only")
        attempts.start("newer", "store", at("newer"), "version 99.*newer program", 1)
        attempts.start("foreign", "store", at("foreign"), "does not exist|table of ours is gone")
        attempts.start("taken", "store", at("taken"), "already exists")
        attempts.start("no-tls", "store", [*at("readings")[:-1], at("readings")[-1] + "?sslmode=require"], "SSL")


def test_downlink(attempts, kafka, ports, mqtt, tmp_path):
    """downlink waits for both sides, and says what is wrong."""
    here = ["-h", "127.0.0.1", "-p", mqtt.port]
    produce(kafka.admin, "plain", [b"", b"[" * 5000, b"\xff", b'{"a":"b"}', b'{"a":1e999}', b'{"a":"\\u0000"}', b"x" * 100000])
    with attempts:
        for name, options, text in kafka_failures(kafka, ports):
            if {"--replication", "--topic-config", "--partitions"} & set(options):
                continue
            text = "kafka-acls.sh|authorization failed" if name == "no-rights" else "connected to the MQTT broker" if name in NO_KAFKA else text
            attempts.start(name, "downlink", ["-t", "plain", "--spool", tmp_path / f"spool-{name}", *here, *options], text)
        for peer in NO_KAFKA:
            attempts.start(f"mqtt-{peer}", "downlink", ["-t", "plain", "-b", kafka.admin, "-h", "127.0.0.1", "-p", ports[peer], "--spool",
                                                        tmp_path / f"spool-mqtt-{peer}"], "MQTT broker", GOES_ON)
        here += ["-b", kafka.admin]
        attempts.start("nonsense", "downlink", ["-t", "plain", "--to", "x/{json:/a}/{key}", "--spool", tmp_path / "spool-nonsense", "-G", "n", *here],
                       "is set aside as a dead letter")
        attempts.start("missing", "downlink", ["-t", "missing", "--spool", tmp_path / "spool-missing", *here], "missing|Unknown topic|not available")
        attempts.start("template", "downlink", ["--to", "{nothing}", *here], "is none of", 2)
        attempts.start("wildcard", "downlink", ["--to", "a/#", *here], "wildcards", 2)
        attempts.start("no-folder", "downlink", ["--spool", "/proc/nowhere", *here], "choose another with --spool", 1)
        attempts.start("port-taken", "downlink", ["--http", f"127.0.0.1:{ports['silent']}", "--spool", tmp_path / "spool-port", *here], "in use", 1)


def test_dashboard(attempts, kafka, ports, tmp_path):
    """dashboard shows what is wrong and continues. It ends only where waiting cannot help."""
    here = ["-b", kafka.admin, "--http", "0"]
    produce(kafka.admin, "plain", [b"", b"[", b"[" * 5000, b"\xff", b"{}", b'{"value":1e999}', b'{"value":1,"time":"yesterday"}', b"x" * 100000])
    with attempts:
        for name, options, text in kafka_failures(kafka, ports):
            if {"--replication", "--topic-config", "--partitions"} & set(options):
                continue
            text = "does not answer" if name in NO_KAFKA else "kafka-acls.sh" if name == "no-rights" else text
            attempts.start(name, "dashboard", ["-t", "plain", "--http", "0", *options], text)
        attempts.start("missing", "dashboard", ["-t", "missing", *here], "there is no Kafka topic 'missing' yet")
        attempts.start("collides", "dashboard", ["-t", "a_b", *here], "there is no Kafka topic 'a_b' yet")
        attempts.start("no-readings", "dashboard", ["-t", "plain", *here], "the page is at")
        for peer in ports:
            attempts.start(f"program-{peer}", "dashboard", ["-t", "plain", "--status", f"127.0.0.1:{ports[peer]}", *here], "the page is at")
        attempts.start("port-taken", "dashboard", ["-b", kafka.admin, "--http", f"127.0.0.1:{ports['silent']}"], "cannot serve HTTP.*in use", 1)
        attempts.start("not-ours", "dashboard", ["-b", kafka.admin, "--http", "192.0.2.1:9750"], "cannot serve HTTP.*192.0.2.1", 1)
        attempts.start("no-address", "dashboard", ["-b", kafka.admin, "--http", "here:there"], "--http", 2)
        attempts.start("no-status", "dashboard", ["--status", "here:there", *here], "--status", 2)
        attempts.start("topic-name", "dashboard", ["-t", "a/b", *here], "--topic 'a/b' is not a Kafka topic", 2)
        attempts.start("topics", "dashboard", [*(word for i in range(40) for word in ("-t", f"topic{i}")), *here], "at most 32 topics", 2)
        attempts.start("clients", "dashboard", ["--clients", "0", *here], "--clients", 2)
        attempts.start("property", "dashboard", ["-X", "no.such=1", *here], "no.such", 2)
        attempts.start("no-targets", "dashboard", ["--targets", tmp_path / "nowhere", *here], "the page is at")
        attempts.start("no-config", "dashboard", ["--config", tmp_path / "nowhere", *here], "nowhere", 2)


NO_BROKER = ("nobody", "closes", "silent", "zeros", "ones", "english", "echoes")


def test_mqtt(attempts, kafka, ports, mqtt, tmp_path):
    with attempts:
        for peer in NO_BROKER:
            there = ["-h", "127.0.0.1", "-p", ports[peer]]
            attempts.start(f"subscribe-{peer}", "subscribe", ["-t", "x", "-W", "5s", *there], "", 27)
            attempts.start(f"publish-{peer}", "publish-temp", ["--fast", *there], "MQTT broker")
            attempts.start(f"bridge-{peer}", "bridge", ["-t", "x", "-b", kafka.admin, "--spool", tmp_path / f"mqtt-{peer}", *there], "MQTT broker")
        for name, program, arguments in (("publish", "publish-temp", ["--fast"]), ("subscribe", "subscribe", ["-t", "x"]),
                                         ("bridge", "bridge", ["-t", "x", "-b", kafka.admin, "--spool", tmp_path / "tls"])):
            attempts.start(f"{name}-tls", program, [*arguments, "-h", "127.0.0.1", "-p", mqtt.port, "--tls"], "TLS")
        attempts.start("publish-no-file", "publish-temp", ["--file", tmp_path / "nowhere", "-p", mqtt.port], "nowhere", 1)


def test_status(attempts, ports):
    with attempts:
        for peer in ports:
            for form in ([], ["-J"]):
                attempts.start(f"{peer}{''.join(form)}", "status", ["-a", f"127.0.0.1:{ports[peer]}", "-W", "2s", *form], "", 1)
