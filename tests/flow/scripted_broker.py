"""A broker that answers what a test tells it to, legal or not: for what a real broker does not do on demand."""

import socket

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, DISCONNECT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14
PING_REQUEST, PINGRESP = 12, 13
LIMIT = 30  # seconds that anything may take


class ScriptedBroker:
    """Listens on a free port of 127.0.0.1."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(LIMIT)
        # A connection holds some 100 KiB on its way, not megabytes: the client's buffer follows the segment size.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        self.port = self.socket.getsockname()[1]
        self.sessions = []
        return self

    def __exit__(self, *_):
        for session in self.sessions:
            session.close()
        self.socket.close()

    def meet(self):
        """The next connection; nothing has been read from it yet."""
        self.sessions.append(Session(self.socket.accept()[0]))
        return self.sessions[-1]

    def accept(self, session_present=False, properties=b""):
        """The next connection, its CONNECT accepted. The properties are those of the CONNACK (of MQTT 5), encoded."""
        session = self.meet()
        session.take_connect()
        session.send(CONNACK, bytes([session_present, 0]) + session.encode(properties))
        return session


class Session:
    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(LIMIT)

    def close(self):
        self.connection.close()

    def take_connect(self):
        """Reads the CONNECT and what it says: .version (4 is MQTT 3.1.1), .clean_start, .keepalive (seconds)."""
        body = self.expect(CONNECT)[1]
        self.version, self.clean_start, self.keepalive = body[6], bool(body[7] & 2), int.from_bytes(body[8:10], "big")

    def encode(self, properties=b""):
        """Properties as a packet has them: after their length (below 128) in MQTT 5, none at all before."""
        return bytes([len(properties)]) + properties if self.version == 5 else b""

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            assert piece, "the client has closed the connection"
            data += piece
        return data

    def receive(self):
        """The next packet, but for pings: its kind and what follows the length (below 16 KiB); .flags has its flags."""
        while True:
            first, length = self.read(2)
            if length & 0x80:
                length += (self.read(1)[0] - 1) * 0x80
            body = self.read(length)
            if first >> 4 != PING_REQUEST:
                self.flags = first & 0xF
                return first >> 4, body
            self.send(PINGRESP, b"")

    def expect(self, kind):
        """The next packet, which must be of that kind, but for pings: its flags and what follows the length (below 16 KiB)."""
        found, body = self.receive()
        assert found == kind, f"packet {found}, not {kind}: {body!r}"
        return self.flags, body

    def read_to_the_end(self):
        """All that the client sends until it closes the connection."""
        pieces = []
        while piece := self.connection.recv(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)

    def take_subscribe(self):
        """A SUBSCRIBE: its packet id, as two bytes."""
        return self.expect(SUBSCRIBE)[1][:2]

    def expect_publish(self):
        """A PUBLISH at QoS 1 or 2: its packet id, as two bytes, and whether it says that it is sent again."""
        flags, body = self.expect(PUBLISH)
        end_of_topic = 2 + int.from_bytes(body[:2], "big")
        return body[end_of_topic : end_of_topic + 2], bool(flags & 8)

    def send(self, kind, body):
        self.connection.sendall(bytes([kind << 4 | (2 if kind == PUBREL else 0), len(body)]) + body)
