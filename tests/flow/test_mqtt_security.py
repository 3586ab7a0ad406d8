"""The connection that all MQTT programs share: addresses, TLS, credentials, access control, wills and sessions."""

import json
import re
import socket
import ssl
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from bridges import Bridge, numbers, publish_numbers
from certificates import openssl
from clients import MqttClient, wait_for_messages
from mosquitto import Mosquitto
from ports import free_port
from programs import ROOT
from secured import LOCAL
from waiting import wait_until

SAMPLE = ROOT / "data" / "occupancy-sample.csv"


@pytest.fixture
def receiver(secured):
    """Receives everything."""
    with MqttClient(secured.plain_port) as client:
        client.subscribe("#")
        yield client


@pytest.fixture
def publish(programs):
    """Publishes three readings at QoS 1 and ends; returns the program."""

    def run(*arguments, **options):
        return programs.run("publish-temp", "--fast", "--limit", 3, "--quiet", "--file", SAMPLE, *arguments, **options)

    return run


def assert_delivered(program, receiver, count=3):
    assert program.process.returncode == 0, program.stderr
    assert [json.loads(message.payload)["seq"] for message in receiver.wait_for(count)] == list(range(1, count + 1))


def assert_refused(program, message):
    assert program.process.returncode == 1, program.stderr
    assert re.search(message, program.stderr), program.stderr
    assert "cannot connect" not in program.stderr or program.stderr.count("cannot connect") == 1


# ---- addresses ----

ADDRESSES = {
    "name": ["-h", "localhost", "-p", "{plain_port}"],
    "mqtt": ["-h", "mqtt://127.0.0.1:{plain_port}"],
    "TLS with a name": ["-h", "localhost", "-p", "{tls_port}", "--cafile", "{ca}"],
    "TLS with an address": ["-h", "127.0.0.1", "-p", "{tls_port}", "--cafile", "{ca}"],
    "TLS with IPv6": ["-h", "[::1]", "-p", "{tls6_port}", "--cafile", "{ca}"],
    "mqtts": ["-h", "mqtts://[::1]:{tls6_port}", "--cafile", "{ca}"],
}


@pytest.mark.parametrize("form", ADDRESSES)
def test_every_form_of_an_address(secured, publish, receiver, form):
    assert_delivered(publish(*(argument.format(**vars(secured)) for argument in ADDRESSES[form])), receiver)


def test_the_address_is_in_the_environment_and_in_the_file(secured, publish, receiver, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"[mqtt]\nhost = mqtts://127.0.0.1:{secured.tls_port}\ncafile = {secured.ca}\n")
    assert_delivered(publish("--config", config), receiver)
    receiver.messages.clear()
    assert_delivered(publish("--config", config, env={"MQTT_HOST": f"mqtts://[::1]:{secured.tls6_port}"}), receiver)


@pytest.mark.parametrize("address", [["-h", "mqtt://localhost:{plain_port}"], ["-h", "mqtts://localhost:{tls_port}", "--cafile", "{ca}"]])
def test_proxies_of_the_environment_are_not_used(secured, publish, receiver, address):
    proxy = f"http://127.0.0.1:{free_port()}/"
    arguments = (argument.format(**vars(secured)) for argument in address)
    assert_delivered(publish(*arguments, env={"http_proxy": proxy, "https_proxy": proxy, "no_proxy": ""}), receiver)


@pytest.mark.parametrize(("arguments", "message"), [
    (["-h", "localhost:1883"], "'localhost:1883' has a port: use --port, or --host mqtt://localhost:1883"),
    (["-h", "mqtt://a:1", "-p", "2"], "two ports"),
    (["-h", "mqtt://a", "--cafile", "x"], "use mqtts://"),
    (["-h", "ws://a:9001"], "'ws://' is a websocket"),
    (["-h", "wss://a/mqtt", "--cafile", "x"], "'wss://' is a websocket"),
    (["--insecure"], "--insecure needs --tls"),
    (["--tls-alpn", "mqtt"], "--tls-alpn needs --tls"),
    (["--key", "x"], "--key needs --cert"),
    (["--will-payload", "x"], "need --will-topic"),
    (["--will-topic", "a/#"], "--will-topic: 'a/#'"),
    (["--will-topic", "a", "--will-delay", "1s", "-V", "3.1.1"], "--will-delay needs --mqtt-version 5"),
    (["--password-file", "x", "-V", "3.1.1"], "a password without --username needs --mqtt-version 5"),
    (["--password", "x"], "MQTT_PASSWORD"),
    (["--key-password", "x"], "ROOMSTREAM_KEY_PASSWORD"),
])
@pytest.mark.parametrize("name", ["publish-temp", "subscribe", "bridge-temp"])
def test_wrong_use(programs, tmp_path, name, arguments, message):
    topic = ["-t", "x"] if name == "subscribe" else ["--spool", tmp_path / "spool"] if name == "bridge-temp" else []
    program = programs.run(name, *topic, *arguments)
    assert program.process.returncode == 2
    assert message in program.stderr


# ---- TLS ----

REFUSED = {
    "another authority": (
        "tls", ["--cafile", "{stranger.certificate}"], r"certificate is refused: it does not come from a trusted authority"),
    "the system's authorities": ("tls", ["--tls"], r"trusted are those of the system's authorities"),
    "another host": (
        "elsewhere", ["--cafile", "{ca}"], r"it is for broker\.example, 192\.0\.2\.1, not for 'localhost'"),
    "another authority, name not checked": (
        "elsewhere", ["--cafile", "{stranger.certificate}", "--insecure"], r"does not come from a trusted authority"),
    "no client certificate": ("mutual", ["--cafile", "{ca}"], r"it wants a client certificate .*: give one with --cert and --key"),
    "a stranger's client certificate": (
        "mutual", ["--cafile", "{ca}", "--cert", "{foreign_client[0]}", "--key", "{foreign_client[1]}"],
        r"it refuses the client certificate \S+foreign.pem: tls.* alert unknown ca"),
    "a missing authority": ("tls", ["--cafile", "/nowhere/ca.pem"], r"--cafile: cannot read /nowhere/ca.pem: No such file"),
    "no authority": ("tls", ["--cafile", "{client[1]}"], r"--cafile: \S+client.key holds no certificate in PEM format"),
    "no folder": ("tls", ["--capath", "{ca}"], r"--capath: \S+ca.pem is not a folder; a file belongs to --cafile"),
    "no certificate": ("mutual", ["--cafile", "{ca}", "--cert", "{client[1]}"], r"--cert: \S+client.key holds no certificate"),
    "no key": ("mutual", ["--cafile", "{ca}", "--cert", "{client[0]}"], r"--key: \S+client.pem holds no private key"),
    "another's key": (
        "mutual", ["--cafile", "{ca}", "--cert", "{client[0]}", "--key", "{foreign_client[1]}"],
        r"--key: the key in \S+foreign.key does not belong to the certificate in \S+client.pem"),
    "a key without its passphrase": (
        "mutual", ["--cafile", "{ca}", "--cert", "{sealed[0]}", "--key", "{sealed[1]}"],
        r"--key: \S+sealed.key is encrypted, and no passphrase is given: use --key-password-file"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_trusted_ends_the_program(secured, publish, receiver, fault):
    listener, arguments, message = REFUSED[fault]
    program = publish("-h", f"mqtts://localhost:{getattr(secured, listener + '_port')}",
                      *(argument.format(**vars(secured)) for argument in arguments))
    assert_refused(program, message)
    assert receiver.messages == []


DOUBTFUL = {
    "expired": ("mqtts", "expired", r"its certificate is refused: certificate has expired: renew it, or set the clock"),
    "no TLS there": ("mqtts", "plain", r"it closes the connection when TLS begins: does it speak TLS on this port\?"),
    "TLS there": ("mqtt", "tls", r"it takes connections, but does not answer as mqtt:// would"),
}


@pytest.mark.parametrize("doubt", DOUBTFUL)
@pytest.mark.long
def test_what_time_may_heal_is_tried_again(secured, programs, receiver, doubt):
    scheme, listener, message = DOUBTFUL[doubt]
    trust = ["--cafile", secured.ca] if scheme != "mqtt" else []
    program = programs.start("publish-temp", "--file", SAMPLE, "-h", f"{scheme}://localhost:{getattr(secured, listener + '_port')}", *trust)
    program.wait_for_log(rf"(?s)(cannot connect to the MQTT broker {scheme}://localhost\S+: {message}.*trying again in .*){{2}}")
    assert program.stop() == 0
    assert receiver.messages == []


@pytest.mark.parametrize(("host", "message"), [
    ("mqtt://127.0.0.1:{}", "Connection refused"), ("nowhere.invalid", "the host 'nowhere.invalid' is not found: ")])
def test_a_broker_that_is_not_there(programs, host, message):
    program = programs.start("publish-temp", "--file", SAMPLE, "-h", host.format(free_port()))
    program.wait_for_log(f"cannot connect to the MQTT broker .*{message}.*; trying again in")
    assert program.stop() == 0


def test_client_certificates(secured, publish, receiver, tmp_path):
    host = ["-h", f"mqtts://localhost:{secured.mutual_port}", "--cafile", secured.ca]
    assert_delivered(publish(*host, "--cert", secured.client[0], "--key", secured.client[1]), receiver)
    both = tmp_path / "both.pem"
    both.write_bytes(secured.client[0].read_bytes() + secured.client[1].read_bytes())
    receiver.messages.clear()
    assert_delivered(publish(*host, "--cert", both), receiver)


def test_a_key_with_a_passphrase(secured, publish, receiver, tmp_path):
    mutual = ["-h", f"mqtts://localhost:{secured.mutual_port}", "--cafile", secured.ca, "--cert", secured.sealed[0], "--key", secured.sealed[1]]
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("open sesame\n")
    assert_delivered(publish(*mutual, "--key-password-file", passphrase), receiver)
    receiver.messages.clear()
    assert_delivered(publish(*mutual, env={"ROOMSTREAM_KEY_PASSWORD": "open sesame"}), receiver)
    wrong = publish(*mutual, env={"ROOMSTREAM_KEY_PASSWORD": "open barley"})
    assert_refused(wrong, "is encrypted, and the passphrase is wrong")
    assert "barley" not in wrong.stderr


def test_a_folder_of_authorities(secured, publish, receiver, tmp_path):
    (tmp_path / "authorities").mkdir()
    (tmp_path / "authorities" / "ours.pem").write_bytes(secured.ca.read_bytes())
    host = ["-h", f"mqtts://localhost:{secured.tls_port}", "--capath", tmp_path / "authorities"]
    assert_refused(publish(*host), "does not come from a trusted authority")
    openssl("rehash", tmp_path / "authorities")
    assert_delivered(publish(*host), receiver)


def test_a_name_that_is_not_checked(secured, publish, receiver):
    program = publish("-h", f"mqtts://localhost:{secured.elsewhere_port}", "--cafile", secured.ca, "--insecure")
    assert_delivered(program, receiver)
    assert re.search("warning: --insecure: it is not checked that the MQTT broker", program.stderr)


def test_an_application_protocol(programs, secured):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*secured.authority.issue("alpn", LOCAL))
    context.set_alpn_protocols(["other", "x-mqtt"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        program = programs.start("publish-temp", "--file", SAMPLE, "-h", f"mqtts://localhost:{server.getsockname()[1]}",
                                 "--cafile", secured.ca, "--tls-alpn", "x-mqtt")
        with context.wrap_socket(server.accept()[0], server_side=True) as connection:
            assert connection.selected_alpn_protocol() == "x-mqtt"
    assert program.stop() == 0


# ---- credentials and access control ----


def test_user_and_password(secured, publish, receiver, tmp_path):
    host = ["-h", "127.0.0.1", "-p", secured.plain_port, "-t", "allowed/temp", "-u", "gateway"]
    file = tmp_path / "password"
    file.write_text("secret-1\nnot this\n")
    config = tmp_path / "config"
    config.write_text("password = secret-1\n")
    for password in ({"MQTT_PASSWORD": "secret-1"}, {"ROOMSTREAM_PASSWORD_FILE": str(file)}, {"ROOMSTREAM_CONFIG": str(config)}):
        receiver.messages.clear()
        assert_delivered(publish(*host, env=password), receiver)


@pytest.mark.parametrize(("version", "message"), [
    ("5", r"refuses the connection \(0x87 Not authorized\): check --username, the password"),
    ("3.1.1", r"refuses the connection \(0x05 Not authorized\): check --username, the password")])
@pytest.mark.parametrize("name", ["publish-temp", "subscribe", "bridge-temp"])
@pytest.mark.long
def test_wrong_credentials_end_the_program(secured, programs, tmp_path, name, version, message):
    own = {"publish-temp": ["--file", SAMPLE], "subscribe": ["-t", "x"], "bridge-temp": ["--spool", tmp_path / "spool"]}[name]
    program = programs.run(name, "-h", "127.0.0.1", "-p", secured.plain_port, "-u", "gateway", "-V", version, *own,
                           env={"MQTT_PASSWORD": "secret-2", "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"})
    assert program.process.returncode == 1, program.stderr
    assert re.search(message, program.stderr)
    assert "secret" not in program.stderr


@pytest.mark.parametrize("qos", [1, 2])
def test_a_topic_that_may_not_be_written_to(secured, publish, receiver, qos):
    program = publish("-h", "127.0.0.1", "-p", secured.plain_port, "-u", "gateway", "-t", "forbidden", "-q", qos, env={"MQTT_PASSWORD": "secret-1"})
    assert program.process.returncode == 1
    assert "the broker refuses a message to the topic 'forbidden': 0x87 Not authorized" in program.stderr
    assert receiver.messages == []


@pytest.mark.long
def test_a_password_may_change_while_a_program_runs(programs, tmp_path):
    """The broker is restarted with another password. The accepted one is tried again until the file has the new one."""
    passwords, file = tmp_path / "passwords", tmp_path / "password"

    def set_password(password):
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "reader", password], check=True, capture_output=True)

    set_password("old")
    file.write_text("old\n")
    port = free_port()
    with Mosquitto(tmp_path / "mosquitto", f"listener {port} 127.0.0.1", f"password_file {passwords}", listen=False) as broker:
        program = programs.start("subscribe", "-h", "127.0.0.1", "-p", port, "-t", "x", "-u", "reader", "--password-file", file,
                                 "--log-level", "info")
        program.wait_for_log("subscribed to")
        set_password("new")
        broker.restart()
        program.wait_for_log(r"warning: the MQTT broker .* refuses the connection \(0x87 .*; trying again in")
        file.unlink()
        program.wait_for_log(rf"warning: cannot connect .*: cannot read a password from {file}: No such file.*; trying again in")
        file.write_text("new\n")
        program.wait_for_log("(?s)refuses the connection.*subscribed to")
        assert program.stop() == 0


@pytest.mark.long
def test_a_subscription_may_be_refused_for_a_while(programs, tmp_path):
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    security = tmp_path / "security.json"

    def grant(subscribe):
        access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": subscribe, "unsubscribe": True}
        security.write_text(json.dumps({"defaultACLAccess": access}))

    grant(True)
    with Mosquitto(tmp_path / "mosquitto", f"plugin {plugin}", f"plugin_opt_config_file {security}") as broker:
        program = programs.start("subscribe", "-h", "127.0.0.1", "-p", broker.port, "-t", "x", "--log-level", "info")
        program.wait_for_log("subscribed to")
        grant(False)
        broker.restart()
        program.wait_for_log(r"warning: the broker refuses the subscription to 'x' \(0x87 .*; trying again in")
        grant(True)
        broker.restart()
        program.wait_for_log("(?s)refuses the subscription.*subscribed to")
        assert program.stop() == 0


# ---- the will ----

WILL = ["--will-topic", "wills/temp", "--will-payload", "gone", "--will-qos", 1]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.long
def test_a_publisher_that_is_killed_leaves_its_will(secured, programs, receiver, version):
    address = ["-h", "127.0.0.1", "-p", secured.plain_port, "-V", version]
    program = programs.start("publish-temp", "--file", SAMPLE, *address, *WILL, "--will-retain")
    receiver.wait_for(1)
    assert program.stop() == 0
    program = programs.run("publish-temp", "--file", SAMPLE, "--fast", *address, *WILL, "--will-retain")
    assert program.process.returncode == 0
    assert [m for m in receiver.messages if m.topic == "wills/temp"] == []  # an orderly end
    program = programs.start("publish-temp", "--file", SAMPLE, *address, *WILL, "--will-retain")
    program.wait_for_log("connected")
    program.kill()
    will = wait_until(lambda: [m for m in receiver.messages if m.topic == "wills/temp"], 30, "the will arrives")[0]
    assert (will.payload, will.qos, will.retain) == (b"gone", 1, False)
    with MqttClient(secured.plain_port) as later:
        later.subscribe("wills/#")
        kept = later.wait_for(1)[0]
        assert (kept.payload, kept.retain) == (b"gone", True)
        later.published(later.publish("wills/temp", b"", retain=True))  # the broker forgets it


@pytest.mark.parametrize("name", ["subscribe", "bridge-temp"])
@pytest.mark.long
def test_the_others_have_a_will_too(secured, programs, receiver, tmp_path, name):
    own = {"subscribe": ["-t", "x", "--log-level", "info"], "bridge-temp": ["--spool", tmp_path / "spool", "-b", f"127.0.0.1:{free_port()}"]}[name]
    program = programs.start(name, *own, "-h", "127.0.0.1", "-p", secured.plain_port, "--will-topic", "wills/other")
    program.wait_for_log("subscribed")
    program.kill()
    assert [(m.topic, m.payload, m.qos) for m in receiver.wait_for(1)] == [("wills/other", b"", 0)]


@pytest.mark.long
def test_a_will_is_withdrawn_by_who_comes_back_in_time(secured, programs, receiver):
    arguments = ["-h", "127.0.0.1", "-p", secured.plain_port, "--file", SAMPLE, "-t", "mortal", "-i", "mortal", *WILL, "--will-delay"]
    program = programs.start("publish-temp", *arguments, "1h")
    program.wait_for_log("connected")
    program.kill()
    program = programs.start("publish-temp", *arguments, "2s")
    program.wait_for_log("connected")
    program.kill()
    killed = time.monotonic()
    wait_until(lambda: [m for m in receiver.messages if m.topic == "wills/temp"], 30, "the will arrives")
    assert time.monotonic() - killed > 1
    assert len([m for m in receiver.messages if m.topic == "wills/temp"]) == 1


# ---- sessions ----


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_publisher_that_ends_leaves_no_session(secured, publish, version):
    program = publish("-h", "127.0.0.1", "-p", secured.plain_port, "-q", 2, "-i", "guest", "-V", version)
    assert program.process.returncode == 0, program.stderr
    assert "warning" not in program.stderr
    assert not session_present(secured.plain_port, "guest")


def session_present(port, client_id):
    arguments = {"client_id": client_id, "clean_session": False, "protocol": paho.MQTTv311}
    if hasattr(paho, "CallbackAPIVersion"):
        arguments["callback_api_version"] = paho.CallbackAPIVersion.VERSION1
    client, flags = paho.Client(**arguments), []
    client.on_connect = lambda _client, _data, flag, _rc, *_: flags.append(flag["session present"])
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        wait_until(lambda: flags, 10, "connected")
    finally:
        client.disconnect()
        client.loop_stop()
    return flags[0]


# ---- the bridge ----


def test_a_bridge_with_tls_and_a_password(secured, brokers, programs, tmp_path):
    certificate, key = secured.client
    bridge = Bridge(programs, tmp_path, "-h", f"mqtts://localhost:{secured.mutual_port}", "--cafile", secured.ca, "--cert", certificate,
                    "--key", key, "-u", "gateway", "--password-file", secured.password_file)
    environment = {"MQTT_HOST": "", "MQTT_PORT": ""}
    bridge.start(env=environment)
    with MqttClient(secured.plain_port) as client:
        publish_numbers(client, bridge.topic, 1, 500)
        bridge.kill()
        publish_numbers(client, bridge.topic, 501, 1000)
        bridge.start(env=environment)
        messages = wait_for_messages(brokers.kafka.address, bridge.topic, 1000)
    assert set(numbers(messages)) == set(range(1, 1001))
    assert bridge.stop()["spooled"] == 0
