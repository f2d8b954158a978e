"""A TCP proxy that counts, delays, and cuts the line."""

from __future__ import annotations

import asyncio
import contextlib
import threading

_CHUNK = 1 << 16


class Proxy:
    """Leads from a port of its own on loopback to another one, in a thread of its own.

    Attributes:
        port: Where it listens.
        sent, received: Bytes that went to the other port, and that came from there.
        connections: How many were made.
        delay: Seconds that everything takes to pass, each way.
        rate: Bytes a second of each connection, each way; 0: as many as can be.
        cut_after: Every connection ends once so many bytes went through it both ways together;
            None: none does.
        refuses: New connections end at once.
        silent: Nothing passes any more, and nobody is told.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.sent = self.received = self.connections = 0
        self.delay = 0.0
        self.rate = 0
        self.cut_after: int | None = None
        self.refuses = False
        self.silent = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._lead, "127.0.0.1", 0)
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()

    def close(self) -> None:
        """End it."""

        async def end() -> None:
            self._server.close()
            self._abort()
            rest = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """End all connections, in whatever they do."""
        self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if not self.refuses:
                other = await asyncio.open_connection("127.0.0.1", self._target)
                self._writers.add(other[1])
                passed = [0]
                await asyncio.gather(
                    self._pass_on(reader, other[1], passed, "sent"),
                    self._pass_on(other[0], writer, passed, "received"),
                    return_exceptions=True,
                )
                self._writers.discard(other[1])
                other[1].transport.abort()
        self._writers.discard(writer)
        writer.transport.abort()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passed: list[int],
        counter: str,
    ) -> None:
        now = self._loop.time
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)

        async def deliver() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - now()))
                while self.silent:
                    await asyncio.sleep(0.1)
                writer.write(data)
                await writer.drain()
                if self.rate:
                    await asyncio.sleep(len(data) / self.rate)
                if not data:
                    writer.transport.abort()
                    return

        delivery = asyncio.create_task(deliver())
        try:
            while data := await reader.read(_CHUNK):
                setattr(self, counter, getattr(self, counter) + len(data))
                passed[0] += len(data)
                if self.cut_after is not None and passed[0] >= self.cut_after:
                    break
                await queue.put((now() + self.delay, data))
            else:
                await queue.put((now() + self.delay, b""))
                await delivery
        finally:
            delivery.cancel()
            writer.transport.abort()
