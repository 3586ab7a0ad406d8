"""A stand-in for a broker that sends as fast as a subscriber reads.

A broker would be slower than the subscribers that are compared, so this one, on a free port of the loopback address, sends to whoever
subscribes, at QoS 1 with a window of messages that are not acknowledged.
"""

import os
import socket
import struct
import subprocess
import threading
import time

from programs import tied

TOPIC = "temp"
PAYLOAD = b'{"time":"2017-12-22T10:49:41","sensor":"temp","node":1,"value":24.94,"unit":"Cel","occupancy":1,"seq":12345678}'
CHUNK = 250  # messages in one send
IDS = 65500  # packet ids in use, a multiple of CHUNK
TIME_LIMIT = 120  # seconds for one run
DISCONNECT = 0xE0


class Sender:
    """One connection's stand-in for a broker (MQTT 3.1.1 and 5, as much as a subscriber needs)."""

    def __init__(self, qos, count, window):
        self.qos, self.count, self.window = qos, count, window
        self.seconds = 0.0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(TIME_LIMIT)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        with self.listener, self.listener.accept()[0] as connection:
            connection.settimeout(TIME_LIMIT)
            five = self.read_packet(connection)[1][6] == 5
            connection.sendall(b"\x20\x03\0\0\0" if five else b"\x20\x02\0\0")
            packet_id = self.read_packet(connection)[1][:2]
            connection.sendall(b"\x90\x04" + packet_id + b"\0" + bytes([self.qos]) if five
                               else b"\x90\x03" + packet_id + bytes([self.qos]))
            start = time.monotonic()
            if self.qos == 0:
                self.send_all(connection, five)
            else:
                self.send_windows(connection, five)
            while self.read_packet(connection)[0] not in (DISCONNECT, None):
                pass
            self.seconds = time.monotonic() - start

    @staticmethod
    def read_packet(connection):
        """The first byte and the body of the next packet, which is a short one; (None, b"") at the end."""
        head = connection.recv(2, socket.MSG_WAITALL)
        if len(head) < 2:
            return None, b""
        length = head[1]
        if length & 0x80:
            length = (length & 0x7F) + 128 * connection.recv(1)[0]
        return head[0], connection.recv(length, socket.MSG_WAITALL) if length else b""

    def chunk(self, first_id, five):
        """CHUNK messages with packet ids from first_id on."""
        packets = bytearray()
        for packet_id in range(first_id, first_id + CHUNK):
            body = struct.pack(">H", len(TOPIC)) + TOPIC.encode() + (struct.pack(">H", packet_id) if self.qos else b"")
            body += (b"\0" if five else b"") + PAYLOAD
            length = bytes([len(body)] if len(body) < 128 else [len(body) & 0x7F | 0x80, len(body) >> 7])
            packets += bytes([0x30 | self.qos << 1]) + length + body
        return bytes(packets)

    def send_all(self, connection, five):
        chunk = self.chunk(1, five)
        for _ in range(0, self.count, CHUNK):
            connection.sendall(chunk)

    def send_windows(self, connection, five):
        chunks = [self.chunk(first, five) for first in range(1, IDS, CHUNK)]
        acknowledged, sent, size = 0, 0, 0  # bytes, messages, bytes of an acknowledgement
        while not size or acknowledged < self.count * size:
            while sent < self.count and sent + CHUNK <= self.window + (acknowledged // size if size else 0):
                connection.sendall(chunks[sent // CHUNK % len(chunks)])
                sent += CHUNK
            data = connection.recv(65536)
            # Delayed, TCP's own acknowledgements would hold back the small packets of the other side (Nagle's algorithm).
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            if not data:
                return
            size = size or 2 + data[1]  # all acknowledgements are alike
            acknowledged += len(data)


def run(command, qos, count, window):
    """Runs a subscriber with mosquitto_sub's options; its output goes into a pipe whose reader only counts. Returns messages a second
    and microseconds of CPU time for a message."""
    count = max(count // CHUNK, 1) * CHUNK
    sender = Sender(qos, count, max(window, CHUNK))
    process = subprocess.Popen(
        tied([*command, "-h", "127.0.0.1", "-p", sender.port, "-t", TOPIC, "-q", qos, "-C", count]), stdout=subprocess.PIPE)
    printed = 0
    while data := process.stdout.read1(1 << 20):
        printed += len(data)
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    sender.thread.join()
    assert process.returncode == 0 and printed == count * (len(PAYLOAD) + 1), \
        f"{command[0]} ended with {process.returncode} after {printed} bytes"
    return count / sender.seconds, (usage.ru_utime + usage.ru_stime) / count * 1e6
