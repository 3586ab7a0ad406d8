"""Out of memory, by failing allocations: what is acknowledged is kept, and a program ends at once or continues."""

import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from feeder import Feeder, text
from preloading import OUT_OF_MEMORY, failing_allocations
from programs import BIN, ROOT, SHARED_PAHO
from waiting import wait_until

FAILING = os.environ.get("ROOMSTREAM_FAIL_ALLOCATIONS", "")
RUNS = int(os.environ.get("ROOMSTREAM_MEMORY_RUNS", "4"))  # of each way of delivery
MESSAGES = 1500
NOWHERE = "127.0.0.1:9"  # no Kafka: everything stays in the spool

pytestmark = pytest.mark.skipif(SHARED_PAHO, reason="Paho's shared library has its own ideas of being out of memory")


def bridge_command(spool, port, delivery):
    return [BIN / "bridge", "-t", "t", "--spool", spool, "--host", "127.0.0.1", "--port", str(port), "--brokers", NOWHERE,
            "--delivery", delivery, "--drain-timeout", "0"]


def start_failing(programs, command, chance, label, name="FAIL_ALLOCATIONS"):
    return programs.start(*failing_allocations([FAILING], chance, name), *command, label=label)


def stored(spool):
    """The numbers of the messages whose text stands in the spool's segments."""
    return {int(number) for file in spool.glob("*.seg") for number in re.findall(rb"message (\d{6})\.", file.read_bytes())}


@pytest.mark.parametrize("delivery, qos", [("at-least-once", 1), ("exactly-once", 2)])
def test_acknowledged_is_stored(programs, tmp_path, delivery, qos):
    ends = Counter()
    for run in range(RUNS):
        seed, one_in = run + 1, (3000, 12000, 30000)[run % 3]
        spool = tmp_path / f"spool-{run}"
        with Feeder(MESSAGES, qos) as feeder:
            bridge = start_failing(programs, bridge_command(spool, feeder.port, delivery), f"{seed}:{one_in}", f"bridge-{run}")
            wait_until(lambda: not bridge.is_running() or len(feeder.acknowledged) == MESSAGES, 60, "an end, or all acknowledged")
            ends[bridge.process.returncode if not bridge.is_running() else "went on"] += 1
            bridge.kill()
        where = f"\nseed {seed}, one in {one_in}: {bridge.stderr[-2000:]}"
        lost = feeder.acknowledged - stored(spool)
        assert not lost, f"{len(lost)} of {len(feeder.acknowledged)} acknowledged messages are not stored, such as {text(min(lost))} {where}"
        assert bridge.process.returncode in (*OUT_OF_MEMORY, -9), f"{bridge.process.returncode}; {where}"
    print(f"{delivery}: {RUNS} runs, ended by {dict(ends)}")


def test_a_message_for_which_there_is_no_memory_is_not_acknowledged(programs, tmp_path):
    size = 3_000_000
    with Feeder(1, 1, size=size) as feeder:
        bridge = start_failing(programs, bridge_command(tmp_path / "spool", feeder.port, "at-least-once"), size, "bridge", "FAIL_ALLOCATIONS_OF")
        wait_until(lambda: not bridge.is_running() or feeder.acknowledged, 30, "its end, or the acknowledgement of what it has not")
        assert not feeder.acknowledged
        assert bridge.wait() == 1
        assert f"out of memory: {size} more bytes are not available" in bridge.stderr


@pytest.mark.parametrize("delivery, qos", [("at-least-once", 1), ("exactly-once", 2)])
def test_memory_is_bounded_whatever_comes_in(programs, tmp_path, delivery, qos):
    """Messages of a hundred megabytes; only their beginnings are kept."""
    with Feeder(3, qos, size=100_000_000) as feeder:
        bridge = programs.start(*bridge_command(tmp_path / "spool", feeder.port, delivery))
        wait_until(lambda: len(feeder.acknowledged) == 3, 60, "all are acknowledged")
        highest = int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{bridge.pid}/status").read_text()).group(1)) * 1024
        assert bridge.stop() == 0
    assert highest < 20_000_000
    assert stored(tmp_path / "spool") == {1, 2, 3}
    assert sum(file.stat().st_size for file in (tmp_path / "spool").glob("*.seg")) < 20_000


def test_the_spool_keeps_its_bound(programs, tmp_path):
    """The broker sends many of the largest messages at once: the bound is exceeded by one of them at most."""
    bound, size = 8 << 20, 2_000_000
    spool = tmp_path / "spool"
    with Feeder(12, 1, size=size) as feeder:
        bridge = programs.start(*bridge_command(spool, feeder.port, "at-least-once"), "--spool-max", bound)
        bridge.wait_for_log("near its limit")
        assert bridge.stop() == 0
    used = sum(file.stat().st_size for file in spool.glob("*.seg"))
    assert bound - size < used < bound + size
    assert feeder.acknowledged <= stored(spool)


PROGRAMS = {
    "bridge": "-t t --port 9 --http 127.0.0.1:0 --spool SPOOL",
    "publish": f"-t t --port 9 --fast --column S1_Temp:1 --file {ROOT}/data/occupancy-sample.csv",
    "subscribe": "-t t --port 9 -J --stats",
    "kafka-produce": "-t t -H a=b",
    "kafka-consume": "-t t -f %k%s -G g",
    "status": "-a 127.0.0.1:9 -J",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_program_crashes(programs, tmp_path, program):
    """Each starts, or says that it cannot, or ends at once."""
    name, *arguments = f"{program} {PROGRAMS[program]}".replace("SPOOL", str(tmp_path / "spool")).split()
    seeds = range(1, 2 * RUNS + 1)
    started = [start_failing(programs, ["KAFKA_BOOTSTRAP_SERVERS=" + NOWHERE, BIN / name, *arguments], f"{seed}:{20 + 150 * (seed % 20)}", f"{name}-{seed}")
               for seed in seeds]
    time.sleep(0.5)  # not our programs
    for seed, one in zip(seeds, started):
        one.kill()
        assert one.process.returncode in (0, 1, 2, 127, -6, -9), f"seed {seed}: {one.process.returncode}: {one.stderr}"
