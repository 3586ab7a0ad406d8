"""The publisher: an MQTT client that is not ours, QoS 2 in a session that survives the broker's restarts, so that each
message reaches the broker exactly once. A payload is 'KEY NUMBER'; the numbers of a key count up from 1."""

import threading
import time
from contextlib import contextmanager

from clients import paho_client
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from waiting import wait_until

WINDOW = 200  # messages in flight; Mosquitto's limit is higher
KEYS = ("a", "b", "c", "d")


def expected(total):
    """The greatest number of each key when total messages have been published."""
    return {key: total // len(KEYS) + (index < total % len(KEYS)) for index, key in enumerate(KEYS)}


class Publisher:
    """Publishes total messages at rate a second (0: as fast as it can) from start() on, in a thread of its own: to the topic, or
    those of each key to one below it."""

    def __init__(self, port, topic, total, rate, topic_of_key=False):
        self.total, self.rate = total, rate
        self.published = 0
        self.acknowledged = 0  # messages whose QoS 2 handshake is complete
        self._topics = [f"{topic}/{key}" if topic_of_key else topic for key in KEYS]
        self._stopped = False
        self._here = threading.Event()  # not set: it is disconnected
        self._here.set()
        self._client = paho_client("torture-publisher")
        self._client.max_inflight_messages_set(WINDOW)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._on_publish
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 86400
        self._client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self._client.loop_start()
        wait_until(self._client.is_connected, 10, "the publisher is connected")
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _on_publish(self, *_):
        self.acknowledged += 1

    def _run(self):
        properties = []
        for key in KEYS:
            packet = Properties(PacketTypes.PUBLISH)
            packet.UserProperty = [("key", key)]
            properties.append(packet)
        begin = time.monotonic()
        for index in range(self.total):
            while not self._stopped and (index - self.acknowledged >= WINDOW or not self._due(index, begin)):
                time.sleep(0.002)
            if self._stopped:
                return
            self._here.wait()
            which = index % len(KEYS)
            payload = f"{KEYS[which]} {index // len(KEYS) + 1}".encode()
            self._client.publish(self._topics[which], payload, 2, properties=properties[which])
            self.published += 1

    def _due(self, index, begin):
        return self.rate == 0 or index <= (time.monotonic() - begin) * self.rate

    def start(self):
        self._thread.start()

    @contextmanager
    def away(self):
        """In a with block the publisher is disconnected; its session stays."""
        self._here.clear()
        self._client.disconnect()
        self._client.loop_stop()
        try:
            yield
        finally:
            before = self.acknowledged
            self._client.reconnect()
            self._client.loop_start()
            # What is in flight is sent again at once when the broker has answered: nothing new may come before it.
            wait_until(lambda: self.acknowledged > before or self.published == before, 60, "the publisher is back")
            self._here.set()

    def is_away(self):
        return not self._here.is_set()

    def done(self):
        return self.acknowledged == self.total

    def close(self):
        self._stopped = True
        if self._thread.is_alive():
            self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()
