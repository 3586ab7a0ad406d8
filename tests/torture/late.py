"""Requests that arrive late: held on their way to the broker, while the client gives them up and goes on."""

import asyncio
import threading
import time
from collections import Counter

from late_proxy import LateProxy, read_kafka, read_mqtt

NAMES = {
    read_kafka: {0: "Produce", 3: "Metadata", 8: "OffsetCommit", 9: "OffsetFetch", 10: "FindCoordinator", 17: "SaslHandshake",
                 18: "ApiVersions", 19: "CreateTopics", 22: "InitProducerId", 24: "AddPartitionsToTxn", 25: "AddOffsetsToTxn",
                 26: "EndTxn", 28: "TxnOffsetCommit", 32: "DescribeConfigs", 80: "PushTelemetry"},
    read_mqtt: {1: "CONNECT", 4: "PUBACK", 5: "PUBREC", 7: "PUBCOMP", 8: "SUBSCRIBE", 10: "UNSUBSCRIBE", 12: "PINGREQ",
                14: "DISCONNECT"},
}
PAUSE = 0.4  # the most seconds between two that are held
WAIT = 1.0      # seconds for a request of the kind that was drawn; then another kind is drawn
LONGEST = 60.0  # the most seconds by which a request is late
PATIENCE = 0.05  # the share of clients that wait until they give up by themselves; the others lose their connection


class Lateness:
    """A LateProxy, and what it holds between begin() and end(). The next kind is drawn from those seen so far."""

    def __init__(self, target, read, chance):
        self.proxy = LateProxy(target, read)
        self.proxy.choose, self.proxy.held = self._choose, self._hold
        self.port = self.proxy.port
        self.held = 0             # requests, each one with its connection
        self.arrived = Counter()  # requests that were delivered after their client had gone, by name
        self._pending = 0
        self._chance, self._names = chance, NAMES[read]
        self._seen = {}           # kinds
        self._active = threading.Event()
        self._next = self._wanted = None

    def begin(self):
        self._next = self._wanted = None
        self._active.set()

    def end(self):
        self._active.clear()

    def settled(self):
        return not self._active.is_set() and self._pending == 0

    def close(self):
        self.proxy.close()

    async def _choose(self, _connection, request):
        self._seen.setdefault(request.kind)
        if not self._active.is_set():
            return False
        now = time.monotonic()
        if self._next is None:
            self._next = now + self._chance.uniform(0, PAUSE)
        if self._wanted is None or now > self._next + WAIT:
            self._next = max(self._next, now)
            self._wanted = self._chance.choices(list(self._seen), [self._weight(kind) for kind in self._seen])[0]
        if now < self._next or request.kind != self._wanted:
            return False
        self._next = self._wanted = None
        return True

    def _weight(self, kind):
        """Requests that only make a connection are held rarely: they come often enough."""
        return 0.1 if self._names.get(kind) in ("ApiVersions", "FindCoordinator", "Metadata") else 1

    def _hold(self, connection, request):
        self.held += 1
        self._pending += 1
        self.proxy.spawn(self._be_late(connection, request))

    async def _be_late(self, connection, request):
        try:
            if self._chance.random() >= PATIENCE:
                await asyncio.sleep(self._chance.uniform(0, 0.2))
                connection.reset()
            await connection.gone.wait()
            # Log-uniform: delays below a second are about as frequent as longer ones.
            await asyncio.sleep(LONGEST ** self._chance.uniform(-0.7, 1))
            await connection.deliver()
            self.arrived[self._names.get(request.kind, f"request {request.kind}")] += 1
        finally:
            self._pending -= 1
