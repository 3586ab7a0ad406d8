"""A TCP proxy that can fail as networks do: reset connections, or go silent without a word to either side."""

import asyncio
import socket
import struct
import threading


class _Side(asyncio.Protocol):
    """One of the two connections of a pair."""

    def __init__(self, pair):
        self.pair = pair
        self.transport = None
        self.other = None
        self.early = b""  # what came before the other side was there

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        if self.pair.silent:
            return
        if self.other is None:
            self.early += data
        else:
            self.other.transport.write(data)

    def connection_lost(self, _error):
        if self.other is not None:
            self.other.transport.close()
        self.pair.proxy.pairs.discard(self.pair)

    def pause_writing(self):
        self.other.transport.pause_reading()

    def resume_writing(self):
        if not self.other.transport.is_closing():
            self.other.transport.resume_reading()


class _Client(_Side):
    """The side that came to the proxy."""

    def connection_made(self, transport):
        super().connection_made(transport)
        self.pair.client = self
        self.pair.proxy.pairs.add(self.pair)
        if not self.pair.silent:
            self.pair.opening = asyncio.ensure_future(self.pair.open())


class _Pair:
    def __init__(self, proxy):
        self.proxy = proxy
        self.silent = proxy.silent
        self.client = None
        self.opening = None  # the task, kept so that it is not collected

    async def open(self):
        client = self.client
        try:
            _, server = await asyncio.get_running_loop().create_connection(
                lambda: _Side(self), "127.0.0.1", self.proxy.target)
        except OSError:
            client.transport.abort()
            return
        client.other, server.other = server, client
        if client.transport.is_closing():
            server.transport.close()
        elif not self.silent:
            server.transport.write(client.early)

    def reset(self):
        for side in (self.client, self.client.other):
            if side is not None:
                # No lingering: an aborted connection sends RST, not FIN.
                side.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                side.transport.abort()


class Proxy:
    """Forwards to a port of 127.0.0.1, in a thread of its own, until closed."""

    def __init__(self, target):
        self.target = target
        self.pairs = set()
        self.silent = False
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Client(_Pair(self)), "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def _do(self, action):
        async def run():
            action()
        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def cut(self):
        """Resets all connections."""
        self._do(lambda: [pair.reset() for pair in list(self.pairs)])

    def go_silent(self):
        """Swallows what comes, on all connections and on new ones."""
        def silence():
            self.silent = True
            for pair in self.pairs:
                pair.silent = True
        self._do(silence)

    def speak_again(self):
        """New connections are forwarded again. Those that were silent stay so: what they swallowed is gone."""
        def speak():
            self.silent = False
        self._do(speak)

    def close(self):
        def stop():
            self._server.close()
            for pair in list(self.pairs):
                pair.reset()
            self._loop.call_soon(self._loop.stop)
        self._do(stop)
        self._thread.join(10)
        self._loop.close()
