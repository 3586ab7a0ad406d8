"""subscribe: sessions that outlive it, subscriptions that are ended, and shared subscriptions."""

import re
import signal

import pytest
from subscribing import client, subscribe, topic, wait_for_output
from waiting import wait_until

VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


@pytest.fixture
def run(programs, mqtt):
    """Runs subscribe to its end, with the log of what it does."""

    def start(*arguments):
        return programs.run("subscribe", "-h", "127.0.0.1", "-p", mqtt.port, "--log-level", "info", *arguments)

    return start


def publish_numbers(client, topic, numbers):
    for number in numbers:
        last = client.publish(topic, b"%d" % number)
    client.published(last)


@VERSIONS
@pytest.mark.parametrize("qos", [1, 2])
def test_what_the_broker_has_kept_meanwhile_arrives(client, run, topic, version, qos):
    session = ["-c", "-i", topic, "-t", topic, "-q", qos, "-V", version]
    assert run(*session, "-E").process.returncode == 0
    for i in range(100):
        last = client.publish(topic, b"%d" % i, qos=2)
    client.published(last)
    program = run(*session, "-C", "100")
    assert ", session present" in program.stderr
    assert program.stdout.split() == [b"%d" % i for i in range(100)]


def test_what_comes_after_the_last_one_stays_with_the_broker(client, run, topic):
    session = ["-c", "-i", topic, "-t", topic, "-q", "1"]
    run(*session, "-E")
    publish_numbers(client, topic, range(10))
    printed = []
    for count in (3, 3, 3, 1):
        program = run(*session, "-C", count)
        assert program.process.returncode == 0
        printed.append(program.stdout.split())
    assert printed == [[b"0", b"1", b"2"], [b"3", b"4", b"5"], [b"6", b"7", b"8"], [b"9"]]


def test_how_long_a_session_is_kept(client, subscribe, run, topic):
    for keeps, options in ((True, ["-x", "1h"]), (True, ["-c"]), (False, ["-c", "-x", "0"]), (False, [])):
        program = subscribe("-i", topic, "-t", topic, "-q", "1", *options)
        program.send(signal.SIGTERM)
        assert program.wait() == 0
        publish_numbers(client, topic, [1])
        program = run("-c", "-i", topic, "-t", topic, "-q", "1", "-x", "0", *(["-C", "1"] if keeps else ["-E"]))
        assert (", session present" in program.stderr) == keeps, options
        assert program.stdout == (b"1\n" if keeps else b""), options


def test_without_c_a_new_session_begins(client, run, topic):
    run("-c", "-i", topic, "-t", topic, "-q", "1", "-E")
    publish_numbers(client, topic, [1])
    program = run("-i", topic, "-t", topic, "-q", "1", "-W", "1")
    assert program.process.returncode == 27
    assert program.stdout == b"" and ", session present" not in program.stderr


def test_a_session_without_an_id_ends_with_the_program(subscribe, run, topic):
    program = subscribe("-t", topic, "-x", "1h")
    name = re.search(r" as '(.*)'", program.stderr).group(1)
    program.send(signal.SIGTERM)
    assert program.wait() == 0
    assert ", session present" not in run("-c", "-i", name, "-t", topic, "-x", "0", "-E").stderr


@VERSIONS
def test_unsubscribing(client, run, topic, version):
    session = ["-c", "-i", topic, "-q", "1", "-V", version]
    run(*session, "-t", f"{topic}/a", "-t", f"{topic}/b", "-t", f"{topic}/c", "-E")
    program = run(*session, "-U", f"{topic}/a", "-E")
    assert program.process.returncode == 0 and f"unsubscribed from '{topic}/a'" in program.stderr
    for end in "abc":
        client.published(client.publish(f"{topic}/{end}", end.encode()))
    program = run(*session, "-t", f"{topic}/d", "-U", f"{topic}/b", "-U", f"{topic}/none", "-C", "2")
    assert program.process.returncode == 0
    assert program.stdout == b"b\nc\n"  # kept before the subscription to b ended
    program = run(*session, "-t", f"{topic}/d", "-U", f"{topic}/b", "-U", f"{topic}/none", "-E")
    warned = f"knows of no subscription to '{topic}/none'" in program.stderr
    assert warned == (version == "5")  # 3.1.1 has no reason codes
    for end in "abcd":
        client.published(client.publish(f"{topic}/{end}", end.encode()))
    assert run(*session, "-t", f"{topic}/d", "-C", "2").stdout == b"c\nd\n"


@VERSIONS
def test_a_shared_subscription_gives_each_message_to_one(client, subscribe, topic, version):
    both = [subscribe("-t", f"$share/group/{topic}/#", "-T", f"{topic}/out", "-q", "1", "-V", version) for _ in range(2)]
    all_ = subscribe("-t", f"$share/other/{topic}/#", "-q", "1", "-V", version, "-F", "%t")
    client.published(client.publish(f"{topic}/out", b"out"))
    for i in range(40):
        last = client.publish(f"{topic}/in", b"%02d" % i)
    client.published(last)
    wait_until(lambda: sum(len(program.stdout) for program in both) >= 120, 30, "40 messages")
    outputs = [program.stdout.split() for program in both]
    assert sorted(outputs[0] + outputs[1]) == [b"%02d" % i for i in range(40)]
    assert all(outputs)
    wait_for_output(all_, len(topic) * 41 + 4 * 40 + 5)
    assert all_.stdout.split() == [f"{topic}/out".encode()] + [f"{topic}/in".encode()] * 40
