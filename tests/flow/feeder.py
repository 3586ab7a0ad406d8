"""An MQTT 5 broker that sends numbered messages to whoever subscribes, and knows which of them were acknowledged. It resumes no session: on
a new connection it sends those that were not."""

import socket
import threading

from scripted_broker import CONNACK, CONNECT, DISCONNECT, PING_REQUEST, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, SUBSCRIBE

WINDOW = 20  # messages on their way


def text(number):
    return f"message {number:06}."


def string(data):
    return len(data).to_bytes(2, "big") + data


def length(number):
    """A remaining length (MQTT 5 section 1.5.5)."""
    encoded = bytearray()
    while True:
        number, digit = divmod(number, 128)
        encoded.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(encoded)


def packet(kind, body, flags=0):
    return bytes([kind << 4 | flags]) + length(len(body)) + body


def publish(topic, packet_id, payload, qos, properties=b"", version=5):
    head = string(topic.encode()) + (packet_id.to_bytes(2, "big") if qos else b"")
    return packet(PUBLISH, head + (length(len(properties)) + properties if version == 5 else b"") + payload, qos << 1)


class Feeder:
    """Use it in a with block. acknowledged: the numbers that got PUBACK, or PUBREC at QoS 2."""

    def __init__(self, count, qos, topic="t", size=0):
        """size: bytes of a payload at least."""
        self.count, self.qos, self.topic, self.size = count, qos, topic, size
        self.acknowledged = set()
        self._closing = False

    def __enter__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._closing = True
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(30)

    def _run(self):
        while not self._closing:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(30)
                try:
                    self._serve(connection)
                except OSError:
                    pass

    def _serve(self, connection):
        stream = connection.makefile("rb")
        waiting = iter([number for number in range(1, self.count + 1) if number not in self.acknowledged])
        on_its_way = {}  # by packet id
        last_id = 0

        def send():
            nonlocal last_id
            while len(on_its_way) < WINDOW and (number := next(waiting, None)):
                last_id = last_id % 65535 + 1
                on_its_way[last_id] = number
                properties = b"".join(b"\x26" + string(name) + string(value) for name, value in ((b"key", b"k"), (b"where", b"room")))
                connection.sendall(publish(self.topic, last_id, text(number).encode().ljust(self.size), self.qos, properties))

        while first := stream.read(1):
            kind, size, shift = first[0] >> 4, 0, 0
            while True:
                digit = stream.read(1)[0]
                size |= (digit & 0x7F) << shift
                shift += 7
                if not digit & 0x80:
                    break
            body = stream.read(size)
            if len(body) < size or kind == DISCONNECT:
                return
            if kind == CONNECT:
                connection.sendall(packet(CONNACK, bytes(3)))
            elif kind == SUBSCRIBE:
                connection.sendall(packet(SUBACK, body[:2] + bytes([0, self.qos])))
                send()
            elif kind == PING_REQUEST:
                connection.sendall(packet(PINGRESP, b""))
            elif kind == PUBREC:
                self.acknowledged.add(on_its_way[int.from_bytes(body[:2], "big")])
                connection.sendall(packet(PUBREL, body[:2], 2))
            elif kind in (PUBACK, PUBCOMP):
                self.acknowledged.add(on_its_way.pop(int.from_bytes(body[:2], "big")))
                send()
