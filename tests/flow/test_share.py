"""Several bridges that share one topic: together they carry everything, also when one of them is killed under load."""

import pytest
from bridges import Bridge, numbers, wait_in_log
from brokers import MQTT_BROKER
from clients import read_topic
from waiting import wait_until


def team(programs, folder, count, topic, *options):
    """Bridges of one group, each with its own spool and so its own id."""
    return [
        Bridge(programs, folder / f"member-{number}", "--share", "team", *options, topic=topic, label=f"{topic}-{number}").start()
        for number in range(count)
    ]


@pytest.mark.parametrize("count, mode", [(2, "at-least-once"), (4, "at-least-once"), (2, "exactly-once"), (4, "exactly-once")])
def test_together_they_lose_nothing(brokers, mqtt_client, programs, tmp_path, count, mode):
    """One is killed in the middle of a stream, and gets later what the broker has kept for it."""
    topic, total, qos = f"shared-{count}-{mode}", 4000, 2 if mode == "exactly-once" else 1
    members = team(programs, tmp_path, count, topic, "--delivery", mode, "--receive-maximum", "20")
    infos = []
    for number in range(1, total + 1):
        infos.append(mqtt_client.publish(topic, str(number).encode(), qos))
        if number == total // 3:
            members[0].kill()
        if number == 2 * total // 3:
            members[0].start()
    for info in infos:
        mqtt_client.published(info, 60)
    wait_until(lambda: len(set(numbers(read_topic(brokers.kafka.address, topic)))) == total, 60, "all messages in Kafka")
    found = numbers(read_topic(brokers.kafka.address, topic))
    assert sorted(set(found)) == list(range(1, total + 1))
    assert len(found) == total or mode == "at-least-once" and len(found) <= total + 1250 + 20
    shares = [member.stop()["delivered"] for member in members]
    assert sum(shares) >= total
    # HiveMQ gives most messages to the quickest client.
    assert MQTT_BROKER != "mosquitto" or all(share > total / count / 10 for share in shares), shares


def test_a_second_member_needs_a_spool_of_its_own(brokers, programs, tmp_path):
    first = Bridge(programs, tmp_path, "--share", "team").start()
    second = programs.start("bridge", "-t", first.topic, "--share", "team", "--spool", first.spool)
    assert second.wait() == 1
    wait_in_log(second, str(first.program.pid))


@pytest.mark.parametrize("group", ["", "a/b", "a+", "#"])
def test_groups_that_cannot_be(brokers, programs, tmp_path, group):
    program = programs.run("bridge", "-t", "x", "--spool", tmp_path / "spool", "--share", group)
    assert program.process.returncode == 2
    assert "--share '" in program.stderr
