"""What a user sees who follows README's walk in three terminals. Silence would look like a hang."""

import os
import pty
import select
import subprocess
import time
import uuid

import pytest
from bridges import Bridge
from programs import BIN, tied


class Terminal:
    """A program whose standard error is a terminal, its standard output a pipe."""

    def __init__(self, name, *arguments, env):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(tied([BIN / name, *arguments]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave,
                                        env={**os.environ, **env})
        os.close(slave)
        self.seen = ""

    def wait_for(self, text, limit=30):
        end = time.monotonic() + limit
        while text not in self.seen:
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], self.seen
            self.seen += os.read(self.master, 4096).decode()

    def lines(self, count):
        return [self.process.stdout.readline() for _ in range(count)]

    def finish(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        os.close(self.master)


@pytest.fixture
def terminal(brokers):
    started = []

    def start(*command):
        started.append(Terminal(*command, env=brokers.env))
        return started[-1]

    yield start
    for each in started:
        each.finish()


def test_the_walk(brokers, programs, terminal, tmp_path):
    bridge = Bridge(programs, tmp_path).start()
    subscriber = terminal("subscribe", "-t", bridge.topic, "-t", "a/+")
    consumer = terminal("kafka-consume", "-t", bridge.topic)
    member = terminal("kafka-consume", "-t", bridge.topic, "-G", bridge.topic)
    subscriber.wait_for(f"waiting for messages of {bridge.topic}, a/+ (Ctrl-C ends)")
    for each in (consumer, member):
        each.wait_for(f"waiting for messages of {bridge.topic} (Ctrl-C ends)")
    assert programs.run("publish-temp", "-t", bridge.topic, "--fast", "--limit", "4").process.returncode == 0
    first = subscriber.lines(4)
    assert b'"sensor":"temp"' in first[0]
    assert sorted(consumer.lines(4)) == sorted(member.lines(4)) == sorted(first)
    assert subscriber.seen.count("waiting") == consumer.seen.count("waiting") == 1


def test_quiet(brokers, programs, terminal, tmp_path):
    bridge = Bridge(programs, tmp_path).start()
    quiet = [terminal("subscribe", "-t", bridge.topic, "--quiet", "--log-level", "info"), terminal("kafka-consume", "-t", bridge.topic, "-q")]
    quiet[0].wait_for("subscribed to")
    programs.run("publish-temp", "-t", bridge.topic, "--fast", "--limit", "1")
    for each in quiet:
        each.lines(1)
        while select.select([each.master], [], [], 0)[0]:
            each.seen += os.read(each.master, 4096).decode()
        assert "waiting" not in each.seen


def test_where_nobody_sits_nothing_is_said(brokers, programs):
    topic = f"t{uuid.uuid4().hex[:8]}"
    program = programs.start("subscribe", "-t", topic, "--log-level", "info")
    program.wait_for_log("subscribed to")
    programs.run("publish-temp", "-t", topic, "--fast", "--limit", "1")
    program.stop()
    assert "waiting" not in program.stderr
