"""An MQTT 5 broker that answers what a test tells it to: for what is legal, but cannot be had from a real broker at will."""

import socket

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, DISCONNECT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 14
PING_REQUEST, PING_RESPONSE = 12, 13
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
        """The next connection, nothing of which is read yet."""
        self.sessions.append(Session(self.socket.accept()[0]))
        return self.sessions[-1]

    def accept(self, session_present=False, properties=b""):
        """The next connection, its CONNECT accepted. The properties are those of the CONNACK, encoded."""
        session = self.meet()
        session.clean_start = bool(session.expect(CONNECT)[1][7] & 2)
        session.send(CONNACK, bytes([session_present, 0, len(properties)]) + properties)
        return session


class Session:
    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(LIMIT)

    def close(self):
        self.connection.close()

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            assert piece, "the client has closed the connection"
            data += piece
        return data

    def expect(self, kind):
        """The next packet, which must be of that kind, but for pings: its flags and what follows the length (below 16 KiB)."""
        while True:
            first, length = self.read(2)
            if length & 0x80:
                length += (self.read(1)[0] - 1) * 0x80
            body = self.read(length)
            if first >> 4 != PING_REQUEST:
                assert first >> 4 == kind, f"packet {first >> 4}, not {kind}: {body!r}"
                return first & 0xF, body
            self.send(PING_RESPONSE, b"")

    def read_to_the_end(self):
        """All that the client sends until it closes the connection."""
        pieces = []
        while piece := self.connection.recv(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)

    def expect_publish(self):
        """A PUBLISH at QoS 1 or 2: its packet id, as two bytes, and whether it says that it is sent again."""
        flags, body = self.expect(PUBLISH)
        end_of_topic = 2 + int.from_bytes(body[:2], "big")
        return body[end_of_topic : end_of_topic + 2], bool(flags & 8)

    def send(self, kind, body):
        self.connection.sendall(bytes([kind << 4 | (2 if kind == PUBREL else 0), len(body)]) + body)
