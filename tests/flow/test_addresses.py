"""A broker whose name has several addresses, some of them dead: every program tries all, and TLS still checks the name."""

import os
import socket
import ssl
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from certificates import Authority
from mosquitto import Mosquitto
from ports import free_port
from programs import BIN, ROOT
from waiting import wait_until

RESOLVER = Path(os.environ.get("ROOMSTREAM_FAKE_RESOLVER", ""))
SHARED_PAHO = "libpaho" in subprocess.run(["ldd", BIN / "bridge"], stdout=subprocess.PIPE, text=True, check=True).stdout
NAME = "broker.test"
DEAD, LIVE = "127.0.0.2", "127.0.0.1"

own_paho = pytest.mark.skipif(SHARED_PAHO, reason="Paho's shared library takes one address")


def hosts(*addresses, name=NAME):
    """An environment in which the name has these addresses."""
    return {"LD_PRELOAD": str(RESOLVER), "FAKE_HOSTS": f"{name}={','.join(addresses)}"}


def start(programs, tmp_path, program, arguments, env):
    """A program that connects, and what it then logs or does."""
    own = {
        "publish-temp": ["--fast", "--limit", 3, "--quiet", "--file", ROOT / "data" / "occupancy-sample.csv"],
        "subscribe": ["-t", "x", "--log-level", "info"],
        "bridge-temp": ["--spool", tmp_path / "spool", "-b", f"127.0.0.1:{free_port()}"],
    }
    return programs.start(program, *own[program], *arguments, env=env)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """On LIVE and, at .port6, on ::1, and at .tls_port with a certificate for NAME, at .other_port with one for the address alone."""
    folder = tmp_path_factory.mktemp("broker")
    authority = Authority(folder / "ca", "Test")
    ports = {"port6": free_port("::1"), "tls_port": free_port(), "other_port": free_port()}
    settings = ["allow_anonymous true", f"listener {ports['port6']} ::1"]
    for port, name, host in (("tls_port", NAME, f"DNS:{NAME}"), ("other_port", "address", f"IP:{LIVE}")):
        certificate, key = authority.issue(name, host)
        settings += [f"listener {ports[port]} {LIVE}", f"certfile {certificate}", f"keyfile {key}"]
    with Mosquitto(folder / "mosquitto", *settings) as mosquitto:
        vars(mosquitto).update(ports, ca=authority.certificate, authority=authority)
        yield mosquitto


@own_paho
@pytest.mark.parametrize("program", ["publish-temp", "subscribe", "bridge-temp"])
@pytest.mark.parametrize(("name", "addresses", "port"), [
    (NAME, (DEAD, LIVE), "port"),
    (NAME, (DEAD, "127.0.0.3", LIVE), "port"),
    (NAME, ("::1", DEAD), "port6"),
    ("localhost", (LIVE, "::1"), "port6"),
])
def test_the_next_address_is_tried(broker, programs, tmp_path, program, name, addresses, port):
    running = start(programs, tmp_path, program, ["-h", name, "-p", getattr(broker, port)], hosts(*addresses, name=name))
    running.wait_for_log("connected to the MQTT broker")
    assert f"Connection refused (at {LIVE if name == 'localhost' else DEAD}); trying its next address, " in running.stderr


@own_paho
@pytest.mark.parametrize("program", ["publish-temp", "subscribe", "bridge-temp"])
def test_tls_goes_by_the_name_at_every_address(broker, programs, tmp_path, program):
    tls = ["-h", NAME, "--cafile", broker.ca, "-p"]
    running = start(programs, tmp_path, program, [*tls, broker.tls_port], hosts(DEAD, LIVE))
    running.wait_for_log(f"connected to the MQTT broker mqtts://{NAME}")
    running.kill()
    running = start(programs, tmp_path, program, [*tls, broker.other_port], hosts(DEAD, LIVE))
    running.wait_for_log(f"its certificate is refused: it is for {LIVE}, not for '{NAME}'")
    assert running.wait() == 1 and "connected to" not in running.stderr


@own_paho
def test_the_server_name_is_the_name(broker, programs, tmp_path):
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*broker.authority.issue("sni", f"DNS:{NAME}"))
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with answering(lambda connection: context.wrap_socket(connection, server_side=True).close()) as port:
        running = start(programs, tmp_path, "subscribe", ["-h", NAME, "--cafile", broker.ca, "-p", port], hosts(DEAD, LIVE))
        wait_until(lambda: names, 30, "a handshake")
    running.kill()
    assert set(names) == {NAME}


@own_paho
def test_an_address_that_does_not_answer_is_left_in_time(broker, programs, tmp_path):
    with ExitStack() as stack:
        silent = stack.enter_context(socket.socket())
        silent.bind((DEAD, broker.port))
        silent.listen(0)
        for _ in range(4):  # further connections are dropped, as by a firewall
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((DEAD, broker.port))
        running = start(programs, tmp_path, "publish-temp", ["-h", NAME, "-p", broker.port], hosts(DEAD, LIVE))
        running.wait_for_log(rf"no answer \(at {DEAD}\); trying its next address, {LIVE}")
        assert running.wait() == 0, running.stderr


@own_paho
def test_all_addresses_dead(programs, tmp_path):
    port = free_port()
    running = start(programs, tmp_path, "subscribe", ["-h", NAME, "-p", port], hosts(DEAD, LIVE))
    running.wait_for_log(rf"(?s)(cannot connect to the MQTT broker mqtt://{NAME}:{port}: Connection refused \(at {LIVE}, the last of its 2 "
                         r"addresses\); trying again in .*){2}")


@contextmanager
def answering(answer):
    """A server on LIVE that calls answer for each connection; its port."""
    server = socket.create_server((LIVE, 0))

    def serve():
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            with connection:
                try:
                    connection.settimeout(10)
                    answer(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@pytest.mark.parametrize("command", [
    ["kafka-consume", "-b", f"{NAME}:PORT", "-t", "x", "-e"],
    ["bridge-temp", "-b", f"{NAME}:PORT", "--spool", "SPOOL", "-p", "1"],
    ["status", "-a", f"{NAME}:PORT"],
])
def test_kafka_and_http_try_all_addresses(programs, tmp_path, command):
    met = []
    with answering(met.append) as port:
        program, *arguments = (item.replace("PORT", str(port)).replace("SPOOL", str(tmp_path / "spool")) for item in command)
        running = programs.start(program, *arguments, env=hosts(DEAD, LIVE))
        wait_until(lambda: met, 30, lambda: f"a connection to {LIVE}; {running.stderr}")
    running.kill()
