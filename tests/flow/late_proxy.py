"""A proxy that knows requests: it holds chosen ones, and delivers them to the server after the client has gone on. The server's side of a
connection stays open for that, though the client's is closed. What follows on the same connection waits, as in TCP; other connections
overtake it."""

import asyncio
import socket
import struct
import threading
from dataclasses import dataclass

# Kafka's API keys.
PRODUCE, INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT = 0, 22, 24, 25, 26, 28


@dataclass(frozen=True)
class Request:
    kind: int    # Kafka: the API key; MQTT: the packet's type
    number: int  # Kafka: the correlation id; MQTT: none
    data: bytes


async def read_kafka(reader):
    """One request. KIP-482 leaves these fields where they are in every version."""
    size = await reader.readexactly(4)
    body = await reader.readexactly(struct.unpack(">i", size)[0])
    kind, _, number = struct.unpack_from(">hhi", body)
    return Request(kind, number, size + body)


async def read_mqtt(reader):
    """One packet (MQTT 5 section 2.1)."""
    head = await reader.readexactly(1)
    length = shift = 0
    while True:
        byte = await reader.readexactly(1)
        head += byte
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return Request(head[0] >> 4, None, head + await reader.readexactly(length))


class Connection:
    """The connection of one client, and its own one to the server. Belongs to the proxy's thread."""

    def __init__(self, proxy, reader, writer):
        self.proxy, self._reader, self._writer = proxy, reader, writer
        self._server_reader = self._server = None
        self._held = None          # requests, while they are held
        self.gone = asyncio.Event()  # the client's side is closed
        self._answering = asyncio.Condition()
        self._passed = set()       # numbers of requests
        self.answers = set()       # numbers
        self._server_gone = False
        self.mute = False          # answers do not come back to the client

    async def run(self):
        try:
            self._server_reader, self._server = await asyncio.open_connection("127.0.0.1", self.proxy.target)
        except OSError:
            return self.reset()
        backward = asyncio.ensure_future(self._pass_answers())
        try:
            while True:
                await self._pass(await self.proxy.read(self._reader))
        except (asyncio.IncompleteReadError, OSError):
            pass
        self.gone.set()
        self._writer.close()
        if self._held is None:
            self._server.close()
        await backward

    async def _pass(self, request):
        if self._held is None and await self.proxy.choose(self, request):
            self._held = []
            self.proxy.held(self, request)
        if self._held is not None:
            self._held.append(request)
        else:
            if self._server.is_closing():
                raise ConnectionResetError
            self._passed.add(request.number)
            self._server.write(request.data)
            await self._server.drain()

    async def answered(self):
        """Returns once the server has answered all that has passed, or is gone."""
        async with self._answering:
            await self._answering.wait_for(self.is_answered)

    def is_answered(self):
        return self._server_gone or self._passed <= self.answers

    async def _pass_answers(self):
        try:
            while data := await self._read_answer():
                if not self._writer.is_closing() and not self.mute:
                    self._writer.write(data)
                    await self._writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        self._server_gone = True
        async with self._answering:
            self._answering.notify_all()
        self._writer.close()

    async def _read_answer(self):
        if self.proxy.read is not read_kafka:
            return await self._server_reader.read(65536)
        size = await self._server_reader.readexactly(4)
        body = await self._server_reader.readexactly(struct.unpack(">i", size)[0])
        async with self._answering:
            self.answers.add(struct.unpack_from(">i", body)[0])
            self._answering.notify_all()
        return size + body

    def reset(self):
        """Aborts the client's side of the connection."""
        if self._writer.is_closing():
            return
        self._writer.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def deliver(self):
        """Sends what is held to the server; returns once the server has processed it."""
        requests, self._held = self._held, None
        self._passed |= {request.number for request in requests}
        try:
            if not self._server.is_closing():
                self._server.write(b"".join(request.data for request in requests))
            await self._server.drain()
            async with self._answering:
                # An answer in MQTT cannot always be assigned to a packet.
                await asyncio.wait_for(self._answering.wait_for(
                    lambda: self._server_gone or requests[0].number in self.answers), 30 if requests[0].number is not None else 1)
        except (asyncio.TimeoutError, OSError):
            pass
        if self.gone.is_set():
            self._server.close()

    def end(self):
        for writer in (self._writer, self._server):
            if writer is not None:
                writer.transport.abort()


class LateProxy:
    """Forwards to a port of 127.0.0.1, in a thread of its own, until closed.

    choose(connection, request): a coroutine that decides before each request whether it, and what follows on its connection, is
    held. It may wait first, for Connection.deliver() of another one above all. held(connection, request) is called when it is.
    Both in the proxy's thread."""

    def __init__(self, target, read):
        self.target, self.read = target, read
        self.choose, self.held = self._none, lambda connection, request: None
        self.connections = set()
        self._tasks = set()
        self.loop = asyncio.new_event_loop()
        self._server = self.loop.run_until_complete(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    @staticmethod
    async def _none(_connection, _request):
        return False

    async def _listen(self):
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _accept(self, reader, writer):
        connection = Connection(self, reader, writer)
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)

    def spawn(self, coroutine):
        """Starts a coroutine in the proxy's thread, from which this must be called."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self):
        def stop():
            self._server.close()
            for connection in list(self.connections):
                connection.end()
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.call_soon(self.loop.call_soon, self.loop.stop)
        self.loop.call_soon_threadsafe(stop)
        self._thread.join(10)
        self.loop.close()
