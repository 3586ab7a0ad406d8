"""--resume of the publishers: killed at any instant, a replay goes on where it stopped."""

import json
import random
import signal
import subprocess
import time
from collections import Counter

import pytest
from brokers import Broker
from clients import paho_client
from programs import BIN, ROOT
from waiting import wait_until

SAMPLE = ROOT / "data" / "occupancy-sample.csv"
FAILPOINTS = BIN.parent / "tests" / "flow" / "publish-failpoints"
ROWS, NODES = 300, 4
WINDOW = 100
KILLED = -signal.SIGKILL


@pytest.fixture
def arrived(mqtt, programs):
    """What arrives on the topics below resume/, received by mosquitto_sub, which is told to be ready by a retained message."""
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
        """(seq as the property says, payload) of each message so far, in order: what was published before the call."""
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
        """How many messages came twice; asserts that each of the first `count` came at all, and none beyond."""
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
    once, exactly = (Replay(mqtt, programs, tmp_path, qos, *settings) for qos in (1, 2))
    for _ in range(kills):
        lives = [once.start(), exactly.start()]
        for life in chance.sample(lives, 2):
            time.sleep(chance.uniform(0.01, 0.15))  # any instant, the first ones too
            assert life.is_running(), life.stderr
            life.kill()
    for replay in (once, exactly):
        assert f"published {limit} messages" not in replay.finish().stderr, "the lives before have published"
    assert arrived.doubled(once.topic, limit) <= kills * WINDOW
    assert arrived.doubled(exactly.topic, limit) == 0


@pytest.mark.parametrize("qos", [1, 2])
def test_kills_at_failpoints(mqtt, programs, tmp_path, arrived, qos):
    """Between any two steps of what is kept."""
    names = ["before-filled", "before-magic", "before-mark"]
    if qos == 2:
        names += ["before-held", "after-held", "before-released", "after-released", "before-done", "after-done"]
    table = tmp_path / "table.csv"
    table.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:11]))  # loops of 40 messages
    limit = 6000
    replay = Replay(mqtt, programs, tmp_path, qos, "--file", table, "--loop", "0", "--restamp", "--limit", limit, "--fast")
    kills = 0
    for passage in (1, 2, 60):
        for name in names:
            if passage > 1 and name in ("before-filled", "before-magic"):
                continue
            life = replay.start(name=FAILPOINTS, env={"ROOMSTREAM_FAILPOINT": f"{name}:{passage}"})
            assert life.wait(30) == KILLED, f"not killed at {name}, passage {passage}: {life.stderr}"
            kills += 1
    replay.finish()
    assert arrived.doubled(replay.topic, limit) <= (kills * WINDOW if qos == 1 else 0)
    # A message that came again is the same one, and restamped time went on over all kills and loops.
    rows = sorted({(seq, json.loads(payload)["time"]) for seq, payload in arrived.messages(replay.topic)})
    assert len(rows) == limit
    assert [time for _, time in rows] == sorted(time for _, time in rows)


def test_a_broker_that_lost_the_session(mqtt, programs, tmp_path, arrived):
    """What was in flight is sent anew: it may be doubled, and is not missing."""
    replay = Replay(mqtt, programs, tmp_path, 2, "--fast", "--column", "S1_Temp:1")
    life = replay.start(name=FAILPOINTS, env={"ROOMSTREAM_FAILPOINT": "after-held:50"})
    assert life.wait() == KILLED, life.stderr
    client_id = life.wait_for_log(r"as '([^']+)'").group(1)
    client = paho_client(client_id)
    client.connect("127.0.0.1", mqtt.port, clean_start=True)  # whose session, without an expiry, ends with it
    client.loop_start()
    wait_until(client.is_connected, 10, "the session is taken over")
    client.disconnect()
    client.loop_stop()
    assert "may be doubled" in replay.finish().stderr
    assert arrived.doubled(replay.topic, ROWS) <= WINDOW


def test_a_broker_that_restarts(programs, tmp_path):
    """The broker's own state of QoS 2 lies on its disk: both sides end and go on, and nothing is doubled."""
    broker = Broker("mqtt", tmp_path / "broker").start()
    try:
        subscribe = ("-h", "127.0.0.1", "-p", broker.port, "-V", "5", "-q", "1", "-D", "CONNECT", "receive-maximum",
                     "65535", "-t", "resume/2-5", "-i", "keeper", "-c", "-x", "3600", "-F", "%P")
        assert programs.run("/usr/bin/mosquitto_sub", *subscribe, "-E").process.returncode == 0
        replay = Replay(broker, programs, tmp_path, 2, "--fast", "--column", "S1_Temp:1")
        life = replay.start(name=FAILPOINTS, env={"ROOMSTREAM_FAILPOINT": "before-released:50"})
        assert life.wait() == KILLED, life.stderr
        broker.restart()
        assert ", session present" in replay.finish().stderr
        received = programs.run("/usr/bin/mosquitto_sub", *subscribe, "-C", ROWS)
        seqs = [int(line.split(b"seq:")[1]) for line in received.stdout.splitlines()]
        assert sorted(seqs) == list(range(1, ROWS + 1))
    finally:
        broker.stop()


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
    """The same input piped again is the same replay."""
    replay = Replay(mqtt, programs, tmp_path, 2, "--fast", "--file", "-", "--fault", "missing=0.1,double=0.1,late=0.1", "--seed", "7")
    for kill in ("after-released:60", "after-done:300", None):
        with open(SAMPLE, "rb") as file:
            life = subprocess.run([FAILPOINTS, *map(str, replay.arguments), "--column", "S1_Temp:1,S2_Temp:2"], stdin=file,
                                  env={"ROOMSTREAM_FAILPOINT": kill or "none"}, timeout=60, check=False)
        assert life.returncode == (KILLED if kill else 0)
    messages = arrived.messages(replay.topic)
    assert sorted(seq for seq, _ in messages) == list(range(1, len(messages) + 1))
    assert len(messages) > ROWS


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
    whole = replay.file.read_bytes()
    replay.file.write_bytes(whole[:-4096])
    assert "is damaged: it has " in refusal()
    replay.file.write_bytes(whole[:100])
    assert "is damaged: it has only 100 bytes" in refusal()
    replay.file.write_bytes(b"Date,Time\n" * 1000)
    assert "is not a file of this option" in refusal()
    assert "cannot open /nowhere/state: No such file or directory" in refusal("--resume", "/nowhere/state")
    assert "is no regular file" in refusal("--resume", "/dev/null")
