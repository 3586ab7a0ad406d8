"""A bridge under test, and what its log says of it."""

import re
import uuid

from programs import BIN
from waiting import wait_until


class Bridge:
    """bridge, from an MQTT topic of its own to a Kafka topic of the same name, or by routes. It can be started and killed any number
    of times; the spool stays."""

    def __init__(self, programs, folder, *options, topic=None, routes=(), label=None):
        """label tells bridges of one topic apart."""
        self.programs = programs
        self.topic = topic or f"t{uuid.uuid4().hex[:8]}"
        self.name = re.sub(r"\W", "_", label or self.topic)
        self.spool = folder / f"spool-{self.name}"
        self.carries = [word for route in routes for word in ("--route", route)] or ["-t", self.topic]
        self.options = options
        self.program = None
        self.starts = 0

    def start(self, subscribed=True, under=(), **options):
        """under: a command that starts the program, such as env with its arguments."""
        self.starts += 1
        self.program = self.programs.start(
            *under, BIN / "bridge", *self.carries, "--spool", self.spool, *self.options, label=f"bridge-{self.name}-{self.starts}",
            **options
        )
        if subscribed:
            self.program.wait_for_log("subscribed to")
        return self

    def kill(self):
        self.program.kill()

    def stop(self):
        """SIGTERM; returns the numbers of the closing log line, whose sum must be right."""
        status = self.program.stop(60)
        assert status == 0, (status, self.program.stderr[-3000:])
        return self.state("stopped")

    def state(self, what):
        match = self.program.wait_for_log(
            what + r": received (\d+) = delivered (\d+) \+ spooled (\d+) \+ dead letters (\d+)")
        received, delivered, spooled, dead = map(int, match.groups())
        assert received == delivered + spooled + dead
        return {"received": received, "delivered": delivered, "spooled": spooled, "dead": dead}

    def letters(self, action, *options):
        """Runs dead-letters on its spool; the options may be ids."""
        return self.programs.run("dead-letters", action, *options, "--spool", self.spool)

    def spool_bytes(self):
        """The size of its segments."""
        return sum(file.stat().st_size for file in self.spool.glob("*.seg"))

    def memory(self, which="VmRSS"):
        """Resident bytes now; VmHWM: the most so far."""
        status = open(f"/proc/{self.program.pid}/status").read()
        return int(re.search(which + r":\s+(\d+) kB", status).group(1)) * 1024


def numbers(messages):
    """The payloads of Kafka messages as whole numbers, in order."""
    return [int(message.value()) for message in messages]


def publish_numbers(client, topic, first, last, qos=1, key=None):
    """Publishes first..last as payloads and waits until the broker has acknowledged all."""
    properties = {"user_properties": [("key", key)]} if key else {}
    infos = [client.publish(topic, str(number).encode(), qos, **properties) for number in range(first, last + 1)]
    for info in infos:
        client.published(info, 60)


def wait_in_log(program, pattern, limit=30):
    """Like Program.wait_for_log, but the program may have ended."""
    return wait_until(lambda: re.search(pattern, program.stderr, re.MULTILINE), limit,
                      lambda: f"/{pattern}/ in the log of {program.name}:\n{program.stderr[-3000:]}")
