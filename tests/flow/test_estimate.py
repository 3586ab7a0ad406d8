"""estimate: one record for each moment, from six topics, exactly once."""

import json
import random
import subprocess
import time
import urllib.request
import uuid

import pytest
from brokers import Broker
from clients import delete_records, delete_topic, end_offset, read_topic, topic_partitions, wait_for_messages
from confluent_kafka import Consumer, TopicPartition
from programs import BIN
from scrape import address_of, alert_metrics, check_metrics, samples
from sensors import Room, expected, rows, table
from waiting import wait_until


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    broker = Broker("kafka", tmp_path_factory.mktemp("kafka")).start()
    yield broker
    broker.stop()


@pytest.fixture
def room(kafka, tmp_path):
    return Room(kafka.address, tmp_path).create()


class Estimate:
    """estimate with an id and a topic of its own, over all its lives."""

    def __init__(self, programs, kafka, room, *options, name=None):
        self.programs, self.kafka, self.room, self.options = programs, kafka, room, options
        self.topic = name or f"occupancy-{uuid.uuid4().hex[:8]}"
        self.program = None

    def start(self, *options):
        self.program = self.programs.start(
            "estimate", "-b", self.kafka, "-m", self.room.model, "-t", self.topic, "-i", self.topic, *self.options, *options)
        return self

    def stop(self):
        assert self.program.stop() == 0, self.program.stderr

    def payloads(self):
        return [message.value() for message in read_topic(self.kafka, self.topic)]

    def wait_for(self, count, limit=60):
        """Waits for so many records, and returns all that are there, in their order."""
        wait_until(lambda: topic_partitions(self.kafka, self.topic), limit, lambda: f"the topic of the estimates\n{self.program.stderr[-2000:]}")
        return [message.value() for message in wait_for_messages(self.kafka, self.topic, count, limit)]


@pytest.fixture
def estimate(programs, kafka, room):
    return Estimate(programs, kafka.address, room)


def records(payloads):
    return [json.loads(payload) for payload in payloads]


def get(program, path):
    address = program.wait_for_log(r"serving HTTP at (http://\S+)/").group(1)
    try:
        with urllib.request.urlopen(address + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_one_record_for_each_moment(room, estimate):
    sample = rows()
    room.send_all(sample)
    estimate.start()
    found = records(estimate.wait_for(len(sample)))
    estimate.stop()
    assert len(found) == len(sample)
    for seq, (record, row) in enumerate(zip(found, sample), 1):
        when, people, probabilities = expected(row)
        assert list(record) == ["time", "estimate", "probability", "seq"]
        assert (record["time"], record["estimate"], record["seq"]) == (when, people, seq)
        assert record["probability"] == pytest.approx(probabilities, abs=1e-9)


def test_the_truth_is_never_an_input(programs, kafka, tmp_path):
    outputs = []
    for flip in (False, True):
        room = Room(kafka.address, tmp_path).create()
        sample = rows()[:100]
        for row in sample:
            if flip:
                row["Room_Occupancy_Count"] = 3 - int(row["Room_Occupancy_Count"])
        room.send_all(sample)
        estimate = Estimate(programs, kafka.address, room).start()
        outputs.append(estimate.wait_for(100))
        estimate.stop()
    assert outputs[0] == outputs[1]


def test_old_and_missing_inputs(room, estimate):
    sample = rows()[:40]
    room.send(sample[0])
    for row in sample[1:20]:
        room.send(row, without=["co2/5"])
    room.flush()
    estimate.start("--wait", "1s", "--age", "3min")
    found = records(estimate.wait_for(20))
    assert "old" not in found[0]
    old = [record for record in found if record.get("old") == [f"{room.name}-co2/5"]]
    missing = [record for record in found if record.get("missing") == [f"{room.name}-co2/5"]]
    assert len(old) >= 4 and len(missing) >= 10 and len(old) + len(missing) == 19
    assert all(isinstance(record["estimate"], int) for record in old)
    assert all(record["estimate"] is None and record["probability"] is None for record in missing)
    for row in sample[1:20]:  # too late
        room.send(row, topics=["co2"])
    room.send_all(sample[20:])
    assert [len(record) for record in records(estimate.wait_for(40))[20:]] == [4] * 20
    estimate.program.wait_for_log("comes when that time is over")
    estimate.stop()


def test_a_reading_that_is_late_is_waited_for(room, estimate):
    sample = rows()[:10]
    for row in sample:
        room.send(row, without=["light/2"])
    room.flush()
    estimate.start("--wait", "60s")
    estimate.program.wait_for_log("reading from the beginning")
    for row in sample:
        room.send(row, topics=["light"], without=["light/1", "light/3", "light/4"])
    room.flush()
    assert all("old" not in record for record in records(estimate.wait_for(10)))
    estimate.stop()


def disturbed(sample, chance):
    """The rows in the order in which an input sends them: neighbours have changed places, and some come again."""
    order = list(sample)
    for i in range(1, len(order)):
        if chance.random() < 0.2 and order[i - 1]["Date"] == order[i]["Date"]:
            order[i - 1], order[i] = order[i], order[i - 1]
    for i in range(len(order) - 1, 5, -1):
        if chance.random() < 0.2:
            order.insert(i, order[i - chance.randrange(1, 5)])
    return order


def test_doubled_and_out_of_order_readings_change_nothing(programs, kafka, tmp_path):
    sample, outputs, chance = rows()[:150], [], random.Random(7)
    for disturb in (False, True):
        room = Room(kafka.address, tmp_path).create()
        for topic, node, column in table():
            for row in disturbed(sample, chance) if disturb else sample:
                room.produce(topic, node, room.payload(row, topic, node, column))
        room.flush()
        estimate = Estimate(programs, kafka.address, room).start("--reorder", "1h")
        outputs.append(estimate.wait_for(150))
        estimate.stop()
    assert outputs[0] == outputs[1]


def test_says_what_it_ignores(room, estimate):
    room.produce("temp", 1, b"not JSON")
    room.produce("temp", 1, None)
    room.produce("temp", 9, b'{"time":"2023-12-29T15:24:40","node":9,"value":1}')
    room.produce("temp", 1, b'{"time":"2222-12-29T15:24:40","node":1,"value":1}')
    room.send_all(rows()[:5])
    estimate.start("--http", "0")
    assert len(records(estimate.wait_for(5))) == 5
    status = json.loads(get(estimate.program, "/status")[1])
    assert status["readings"] == {"taken": 5 * 16 + 4, "doubled": 0, "late": 0, "foreign": 1, "unreadable": 3, "waiting": 0, "lag": 0, "expired": 0}
    estimate.program.wait_for_log("it is not JSON|it is empty|ahead of this machine's clock")
    estimate.program.wait_for_log(f"the model has no input '{room.name}-temp/9'")
    estimate.stop()


def feed(room, all_rows, chance, seconds):
    """Sends rows over some time, with gaps, doubles and neighbours that have changed places."""
    begin = time.monotonic()
    names = [f"{topic}/{node}" for topic, node in (("temp", 1), ("light", 3), ("pir", 7), ("co2", 5))]
    for i, row in enumerate(all_rows):
        without = [name for name in names if chance.random() < 0.02]
        room.send(row, without=without)
        if i > 3 and chance.random() < 0.05:
            room.send(all_rows[i - chance.randrange(4)], without=without)
        yield
        while time.monotonic() - begin < seconds * i / len(all_rows):
            time.sleep(0.005)
    room.flush()


@pytest.mark.long
def test_killed_fifty_times_it_writes_the_same(programs, kafka, tmp_path):
    """Byte for byte the same as one that is never killed."""
    kills, seconds = 50, 75
    chance = random.Random(19)
    sample = rows()[:60]
    many = [{**row, "Date": f"2024/0{1 + i // 28}/{1 + i % 28:02}"} for i in range(50) for row in sample]
    room = Room(kafka.address, tmp_path, partitions=3).create()
    options = ("--transaction-interval", "10ms", "--wait", "30s")
    whole = Estimate(programs, kafka.address, room, *options).start()
    killed = Estimate(programs, kafka.address, room, *options).start()
    done, next_kill = 0, time.monotonic() + 1
    for _ in feed(room, many, chance, seconds):
        if done < kills and time.monotonic() >= next_kill:
            killed.program.kill()
            killed.start()
            done += 1
            next_kill = time.monotonic() + chance.uniform(0.3, 2.2)
    while done < kills:
        killed.program.kill()
        killed.start()
        killed.program.wait_for_log("going on after")
        done += 1
    # It waits for what is missing in the last rows.
    first = whole.wait_for(len(many), 90)
    assert killed.wait_for(len(many), 90) == first
    assert [record["seq"] for record in records(first)] == list(range(1, len(many) + 1))
    assert sum("old" in record for record in records(first)) > 50
    whole.stop()
    killed.stop()


@pytest.mark.long
def test_goes_on_after_kafka_was_killed(programs, tmp_path):
    sample = rows()[:300]
    broker = Broker("kafka", tmp_path / "kafka").start()
    try:
        room = Room(broker.address, tmp_path).create()
        estimate = Estimate(programs, broker.address, room).start()
        for turn in range(3):
            room.send_all(sample[100 * turn:100 * turn + 50])
            estimate.wait_for(100 * turn + 50)
            for row in sample[100 * turn + 50:100 * turn + 100]:
                room.send(row)
            broker.kill()
            broker.start()
            room.flush()
        found = records(estimate.wait_for(300, 120))
        assert [record["seq"] for record in found] == list(range(1, 301))
        assert [record["time"] for record in found] == [expected(row)[0] for row in sample]
        estimate.stop()
    finally:
        broker.stop()


def test_of_two_with_one_id_one_ends(programs, kafka, room):
    sample = rows()
    twins = [Estimate(programs, kafka.address, room, name=f"twin-{room.name}").start() for _ in range(2)]
    sent = iter([{**row, "Date": f"2024/01/{day:02}"} for day in range(1, 29) for row in sample[:60]])

    def one_has_ended():
        room.send(next(sent))
        room.flush()
        time.sleep(0.1)
        return [twin for twin in twins if not twin.program.is_running()]

    ended = wait_until(one_has_ended, 120, lambda: "one ends; " + twins[0].program.stderr[-1500:])[0]
    assert ended.program.wait() == 1
    assert "another program uses the id" in ended.program.stderr
    room.flush()
    other = next(twin for twin in twins if twin is not ended)
    total = room.seq["co2"]
    found = records(other.wait_for(total, 90))
    assert [record["seq"] for record in found] == list(range(1, total + 1))
    assert len({record["time"] for record in found}) == total
    other.stop()


def test_waits_for_topics_and_tells_so(programs, kafka, tmp_path):
    room = Room(kafka.address, tmp_path).create("temp", "light", "sound", "co2", "pir")
    estimate = Estimate(programs, kafka.address, room).start("--http", "0")
    wait_until(lambda: "co2_slope" in get(estimate.program, "/readyz")[1], 30, "the missing topic is named")
    assert get(estimate.program, "/readyz")[0] == 503
    assert get(estimate.program, "/healthz") == (200, "healthy\n")
    room.create("co2_slope")
    room.send_all(rows()[:20])
    estimate.wait_for(20)
    assert get(estimate.program, "/readyz") == (200, "ready\n")
    metrics = get(estimate.program, "/metrics")[1]
    check_metrics(metrics)
    assert alert_metrics("estimate") <= {name for name, _ in samples(metrics)}
    assert "roomstream_estimate_records_total 20\n" in metrics and "roomstream_estimate_readings_total 320\n" in metrics
    status = json.loads(get(estimate.program, "/status")[1])
    assert status["estimate"] == estimate.topic and status["ready"] and status["problems"] == []
    assert status["last"]["seq"] == 20 and status["records"]["written"] == 20
    recent = status["recent"]
    assert 0 < recent["consumed_per_second"] and recent["written_per_second"] * 16 == pytest.approx(recent["consumed_per_second"], rel=1e-3)
    heading, row = subprocess.run([BIN / "status", "-a", address_of(estimate)], stdout=subprocess.PIPE, check=False, timeout=30, text=True).stdout.splitlines()
    shown = dict(zip(heading.split(), row.split()))
    assert "-" not in (shown["received/s"], shown["delivered/s"]) and shown["spooled"] == "0"
    assert get(estimate.program, "/nothing")[0] == 404
    estimate.stop()


def test_topics_created_again(kafka, room, estimate):
    sample = rows()
    room.send_all(sample[:100])
    estimate.start("--wait", "2s")
    estimate.wait_for(100)
    for topic in room.topics:
        delete_topic(kafka.address, f"{room.name}-{topic}")
    room.create()
    for row in sample[100:150]:
        wait_until(lambda: room.send(row) or True, 30, "sent")
    room.flush()
    found = records(estimate.wait_for(150, 90))
    assert [record["seq"] for record in found] == list(range(1, 151))
    assert [record["time"] for record in found] == [expected(row)[0] for row in sample[:150]]
    estimate.stop()


def test_what_is_deleted_before_it_is_read_is_said_and_counted(programs, kafka, tmp_path):
    room = Room(kafka.address, tmp_path, partitions=1).create()
    estimate = Estimate(programs, kafka.address, room, "--http", "0", "--wait", "1s").start()
    sample = rows()[:40]
    room.send_all(sample[:20])
    estimate.wait_for(20)
    estimate.stop()
    room.send_all(sample[20:])
    delete_records(kafka.address, f"{room.name}-temp", 4 * 30)
    delete_records(kafka.address, f"{room.name}-light", 4 * 20)  # it has read these
    estimate.start()
    found = records(estimate.wait_for(40))
    assert [record["seq"] for record in found] == list(range(1, 41))
    lost = [f"{room.name}-temp/{node}" for node in (1, 2, 3, 4)]
    assert [record.get("missing") for record in found] == [None] * 20 + [lost] * 10 + [None] * 10
    assert not any("old" in record for record in found)
    estimate.program.wait_for_log(f"'{room.name}-temp', partition 0: 40 messages were deleted before they were read")
    estimate.program.wait_for_log(f"'{room.name}-light', partition 0: the last readings before the stop were deleted")
    assert "roomstream_estimate_messages_expired_total 40\n" in get(estimate.program, "/metrics")[1]
    assert json.loads(get(estimate.program, "/status")[1])["readings"]["expired"] == 40
    estimate.stop()


def test_commits_how_far_it_has_read(kafka, room, estimate):
    """For tools that show the lag."""
    room.send_all(rows()[:30])
    estimate.start()
    estimate.wait_for(30)
    estimate.stop()
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": estimate.topic})
    for topic in room.topics:
        partitions = [TopicPartition(f"{room.name}-{topic}", number) for number in range(room.partitions)]
        for committed in consumer.committed(partitions, timeout=30):
            assert committed.offset == end_offset(kafka.address, committed.topic, committed.partition)
    consumer.close()
