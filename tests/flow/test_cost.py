"""What a message costs, counted and not timed: allocations, and calls of the kernel that move data or wait for it, in the whole program
with its libraries. A count above its bound shows that the hot path has become longer; scripts/bench.sh says how much slower it is."""

import os
import subprocess
from pathlib import Path

import pytest
from bridges import Bridge
from clients import wait_for_messages
from programs import BIN, ROOT

COUNTER = Path(os.environ.get("ROOMSTREAM_COUNT_CALLS", ""))
COUNT = 20000  # messages
COLUMNS = "S1_Temp:1,S2_Temp:2,S3_Temp:3,S4_Temp:4"
SHARED_PAHO = "libpaho" in subprocess.run(["ldd", BIN / "bridge"], stdout=subprocess.PIPE, text=True, check=True).stdout

pytestmark = pytest.mark.skipif(SHARED_PAHO, reason="Paho's shared library makes four times as many allocations")


@pytest.fixture
def counting(tmp_path):
    """The environment that a program needs, and a function that returns the counts for each message once it has ended."""
    path = tmp_path / "counts"

    def counted():
        return {name: int(value) / COUNT for name, value in (item.split("=") for item in path.read_text().split())}

    return {"LD_PRELOAD": str(COUNTER), "COUNT_CALLS_FILE": str(path)}, counted


def check(counted, **bounds):
    assert all(counted[name] <= bound for name, bound in bounds.items()), f"a message costs {counted}, more than {bounds}"
    assert all(counted[name] > 0.3 * bound for name, bound in bounds.items()), f"nothing was counted? {counted}"


def publish(programs, mqtt_topic, qos, env=None):
    program = programs.run("publish", "-t", mqtt_topic, "-q", str(qos), "--fast", "--quiet", "--file", ROOT / "data" / "occupancy-sample.csv",
                           "--column", COLUMNS, "--loop", "0", "--limit", str(COUNT), env=env)
    assert program.process.returncode == 0, program.stderr


def test_drain_at_qos_1(brokers, programs, tmp_path, counting):
    env, counted = counting
    bridge = Bridge(programs, tmp_path).start()
    bridge.stop()
    publish(programs, bridge.topic, 1)
    bridge.start(env=env)
    wait_for_messages(brokers.kafka.address, bridge.topic, COUNT)
    assert bridge.stop()["delivered"] == COUNT
    check(counted(), allocations=25, calls=9.3)


def test_publisher_at_qos_1(brokers, programs, counting):
    env, counted = counting
    publish(programs, "cost", 1, env)
    check(counted(), allocations=26, calls=7.5)


def test_subscriber_at_qos_1(brokers, programs, counting):
    env, counted = counting
    subscriber = programs.start("subscribe", "-t", "cost", "-q", "1", "-C", str(COUNT), "--log-level", "info", env=env)
    subscriber.wait_for_log("subscribed to")
    publish(programs, "cost", 1)
    assert subscriber.wait() == 0
    check(counted(), allocations=16, calls=9)
