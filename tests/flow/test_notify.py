"""What a bridge tells the service manager that started it."""

import re
import uuid

import pytest
from clients import MqttClient
from programs import BIN
from service_manager import ServiceManager, frozen_thread

NOBODY = "127.0.0.1:1"  # a port that nothing listens on
# Seconds. A step of the forwarder takes up to five while Kafka is away, and half of this must be more.
WATCHDOG = 12


@pytest.fixture
def manager(tmp_path):
    with ServiceManager(tmp_path / "notify", WATCHDOG) as manager:
        yield manager


def start_bridge(programs, manager, folder, port, *wrapper):
    return programs.start(
        *wrapper, BIN / "bridge", "-t", "t", "-p", port, "-b", NOBODY, "--spool", folder / "spool", "--drain-timeout", "0",
        env=manager.env)


@pytest.mark.parametrize("address", ["@roomstream-{unique}", "{folder}/socket"])
def test_ready_without_any_broker(programs, tmp_path, address):
    with ServiceManager(address.format(unique=uuid.uuid4(), folder=tmp_path)) as manager:
        bridge = start_bridge(programs, manager, tmp_path, 1)
        assert manager.wait_for("") == "READY=1"
        state = manager.wait_for("STATUS=")
        assert re.fullmatch("STATUS=MQTT: (dis)?connect(ing|ed). Received 0 = delivered 0 [+] spooled 0 [+] dead letters 0", state)
        assert "STOPPING=1" not in manager.heard()
        assert bridge.stop() == 0
        manager.wait_for("STOPPING=1")
        # Seconds that a stop may take longer than --drain-timeout (0).
        assert manager.wait_for("EXTEND_TIMEOUT_USEC=") == "EXTEND_TIMEOUT_USEC=30000000"
        assert manager.count("READY=1") == 1
        assert manager.count("WATCHDOG=1") == 0, "no watchdog was asked for"


def test_status_follows_the_connection(programs, manager, tmp_path, mqtt):
    start_bridge(programs, manager, tmp_path, mqtt.port)
    manager.wait_for("STATUS=MQTT: subscribed. Received 0 ")


def test_watchdog_wants_the_forwarder_to_move(programs, manager, tmp_path):
    bridge = start_bridge(programs, manager, tmp_path, 1)
    manager.wait_for("WATCHDOG=1")
    with frozen_thread(bridge.pid, "forwarder"):
        bridge.wait_for_log(rf"the forwarder has not moved for [67]\.. s: .* watchdog, which allows {WATCHDOG}.0 s, is not answered")
    manager.wait_for_more("WATCHDOG=1")
    assert bridge.stop() == 0


def test_watchdog_bears_with_a_full_disk_but_not_with_a_stuck_receiver(programs, manager, tmp_path, mqtt):
    # Files of 64 KiB at most: a larger message cannot be stored.
    bridge = start_bridge(programs, manager, tmp_path, mqtt.port, "/usr/bin/env", "--ignore-signal=XFSZ", "prlimit", "--fsize=65536")
    bridge.wait_for_log("subscribed to")
    with MqttClient(mqtt.port) as client:
        client.publish("t", b"x" * 100_000)
        bridge.wait_for_log("a message cannot be stored")
        manager.wait_for_more("WATCHDOG=1")
        manager.wait_for_more("WATCHDOG=1")
        with frozen_thread(bridge.pid, "MQTTAsync_rcv"):
            bridge.wait_for_log("the receiver has not moved for .* watchdog")
        manager.wait_for_more("WATCHDOG=1")


def test_a_service_manager_that_is_gone_is_no_reason_to_end(programs, manager, tmp_path):
    manager.env["NOTIFY_SOCKET"] += "-gone"
    bridge = start_bridge(programs, manager, tmp_path, 1)
    bridge.wait_for_log("cannot tell the service manager at NOTIFY_SOCKET=.*-gone the state: No such file")
    assert bridge.stop() == 0
