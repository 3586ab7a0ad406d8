"""--resume of the publishers: killed at any instant, a replay continues where it stopped."""

import json
import random
import signal
import subprocess
import time
from collections import Counter

import pytest
from programs import BIN, ROOT
from waiting import wait_until

SAMPLE = ROOT / "data" / "occupancy-sample.csv"
FAILPOINTS = BIN.parent / "tests" / "flow" / "publish-failpoints"
ROWS, NODES = 300, 4
WINDOW = 100
KILLED = -signal.SIGKILL


@pytest.fixture
def arrived(mqtt, programs):
    """What arrives on the topics below resume/, received by mosquitto_sub. A retained message shows that it is ready."""
    return Arrived(mqtt, programs)


class Arrived:
    def __init__(self, mqtt, programs):
        self.port = mqtt.port
        self.sentinels = 0
        self.program = programs.start(
            "/usr/bin/stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", mqtt.port, "-V", "5", "-q", "1",
            "-D", "CONNECT", "receive-maximum", "65535", "-t", "resume/#", "-F", "%t|%P|%p", label="arrived")
        wait_until(self.has_sentinel, 20, "mosquitto_sub has subscribed")

    def publish_sentinel(self):
        self.sentinels += 1
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), "-q", "2", "-t", "resume/end",
                        "-m", str(self.sentinels)], check=True, timeout=20)

    def has_sentinel(self):
        self.publish_sentinel()
        return b"resume/end|" in self.program.stdout

    def messages(self, topic):
        """(seq from the property, payload) of each message that was published before the call, in order."""
        self.publish_sentinel()
        end = f"resume/end||{self.sentinels}\n".encode()
        wait_until(lambda: end in self.program.stdout, 60, "the last message arrives")
        found = []
        for line in self.program.stdout.decode().splitlines():
            name, properties, payload = line.split("|", 2)
            if name == topic:
                seq = dict(part.split(":", 1) for part in properties.split()).get("seq")
                found.append((int(seq or json.loads(payload)["seq"]), payload))
        return found

    def doubled(self, topic, count):
        """How many messages came twice; asserts that the first `count` all came, and no others."""
        times = Counter(seq for seq, _ in self.messages(topic))
        assert sorted(times) == list(range(1, count + 1))
        return times.total() - count


class Replay:
    """Lives of one replay, which share a FILE."""

    def __init__(self, mqtt, programs, tmp_path, qos, *options, version="5"):
        self.programs = programs
        self.topic = f"resume/{qos}-{version}"
        self.file = tmp_path / f"state-{qos}-{version}"
        self.arguments = ["-h", "127.0.0.1", "-p", mqtt.port, "-t", self.topic, "-q", qos, "--mqtt-version", version,
                          "--file", SAMPLE, "--resume", self.file, "--window", WINDOW, *options]

    def start(self, *options, name="publish-temp", env=None):
        return self.programs.start(name, *self.arguments, *options, env=env)

    def finish(self):
        life = self.start()
        assert life.wait(90) == 0, life.stderr
        return life


def test_kills_at_random_instants(mqtt, programs, tmp_path, arrived):
    kills, limit = 50, 25000
    chance = random.Random(5)
    settings = ("--loop", "0", "--limit", limit, "--rate", 4000)
    replays = [Replay(mqtt, programs, tmp_path, qos, *settings) for qos in (1, 2)]
    for _ in range(kills):
        lives = [replay.start() for replay in replays]
        for life in chance.sample(lives, 2):
            time.sleep(chance.uniform(0.01, 0.15))  # any instant, the first ones too
            assert life.is_running(), life.stderr
            life.kill()
    for replay in replays:
        assert f"published {limit} messages" not in replay.finish().stderr, "the lives before have published"
    for replay in replays:
        assert arrived.doubled(replay.topic, limit) <= kills * WINDOW


@pytest.mark.parametrize("qos", [1, 2])
def test_kills_at_failpoints(mqtt, programs, tmp_path, arrived, qos):
    """A kill between any two steps of saving."""
    names = ["before-description", "before-record", "after-record"]
    table = tmp_path / "table.csv"
    table.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:11]))  # loops of 40 messages
    limit = 6000
    replay = Replay(mqtt, programs, tmp_path, qos, "--file", table, "--loop", "0", "--restamp", "--limit", limit, "--fast")
    kills = 0
    for passage in (1, 2, 60):
        for name in names:
            if passage > 1 and name == "before-description":
                continue
            life = replay.start(name=FAILPOINTS, env={"ROOMSTREAM_FAILPOINT": f"{name}:{passage}"})
            assert life.wait(30) == KILLED, f"not killed at {name}, passage {passage}: {life.stderr}"
            kills += 1
    replay.finish()
    assert arrived.doubled(replay.topic, limit) <= kills * WINDOW
    # A doubled message is the same one, and restamped time continued over all kills and loops.
    rows = sorted({(seq, json.loads(payload)["time"]) for seq, payload in arrived.messages(replay.topic)})
    assert len(rows) == limit
    assert [time for _, time in rows] == sorted(time for _, time in rows)


@pytest.mark.parametrize("qos, version", [(0, "5"), (1, "5"), (2, "5"), (2, "3.1.1")])
def test_a_replay_that_was_stopped_goes_on_exactly(mqtt, programs, tmp_path, arrived, qos, version):
    replay = Replay(mqtt, programs, tmp_path, qos, "--rate", 2000, version=version)
    for _ in range(3):
        life = replay.start()
        life.wait_for_log("connected")
        assert life.stop() == 0, life.stderr
    replay.finish()
    assert arrived.doubled(replay.topic, ROWS * NODES) == 0


def test_a_replay_that_is_complete(mqtt, programs, tmp_path, arrived):
    replay = Replay(mqtt, programs, tmp_path, 1, "--fast")
    replay.finish()
    again = replay.finish()
    assert f"{replay.file} says that this replay is complete, with {ROWS * NODES} messages: remove the file to replay again" in again.stderr
    assert "connected" not in again.stderr
    assert arrived.doubled(replay.topic, ROWS * NODES) == 0


def test_standard_input_and_faults(mqtt, tmp_path, programs, arrived):
    """The same input from a pipe again is the same replay."""
    replay = Replay(mqtt, programs, tmp_path, 2, "--fast", "--file", "-", "--fault", "missing=0.1,double=0.1,late=0.1", "--seed", "7")
    for kill in ("after-record:3", "after-record:8", None):
        with open(SAMPLE, "rb") as file:
            life = subprocess.run([FAILPOINTS, *map(str, replay.arguments), "--column", "S1_Temp:1,S2_Temp:2"], stdin=file,
                                  env={"ROOMSTREAM_FAILPOINT": kill or "none"}, timeout=60, check=False)
        assert life.returncode == (KILLED if kill else 0)
    messages = arrived.messages(replay.topic)
    seqs = {seq for seq, _ in messages}
    assert seqs == set(range(1, len(seqs) + 1)) and len(seqs) > ROWS


def test_files_that_are_refused(mqtt, programs, tmp_path):
    replay = Replay(mqtt, programs, tmp_path, 2, "--rate", 20)

    def refusal(*options):
        life = replay.start(*options)
        assert life.wait() == 1
        return life.stderr

    life = replay.start()
    life.wait_for_log("connected")
    assert f"{replay.file} is in use by another publisher" in refusal()
    assert life.stop() == 0
    assert "it has 'qos = 2' where this one has 'qos = 1'" in refusal("-q", "1")
    assert "it has 'skip-bad = false' where this one has 'skip-bad = true'" in refusal("--skip-bad")
    other = tmp_path / "other.csv"
    other.write_text(SAMPLE.read_text().replace("2023", "2022", 1))
    assert "it has 'beginning = " in refusal("--file", other)
    replay.file.write_bytes(replay.file.read_bytes()[:20])
    assert "is damaged" in refusal()
    replay.file.write_bytes(b"Date,Time\n" * 1000)
    assert "is not a file of this option" in refusal()
    replay.file.write_bytes(b"RTRMRES1" + bytes(20000))
    assert "is of an older version of this program" in refusal()
    assert "cannot open /nowhere/state: No such file or directory" in refusal("--resume", "/nowhere/state")
    assert "is not a regular file" in refusal("--resume", "/dev/null")
