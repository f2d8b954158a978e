"""The supervisor's side of the conversation with its engine."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct

from . import wire
from .processes import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .timers import Timers

_CHUNK = 1 << 16
_WAIT_FOR_LEAVING = 1.0  # seconds that a new engine is kept waiting for the last one to go


class Desk:
    """Serves one engine at a time; the next waits until the last has left or is dead."""

    def __init__(
        self,
        listener: socket.socket,
        epoll: select.epoll,
        timers: Timers,
        received: Callable[[tuple[Any, ...]], None],
        left: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._epoll = epoll
        self._timers = timers
        self._received = received
        self._left = left
        self._engine: _Engine | None = None
        self._next: socket.socket | None = None
        self.handlers: dict[int, Callable[[int], None]] = {listener.fileno(): self._knock}
        epoll.register(listener.fileno(), select.EPOLLIN)

    @property
    def occupied(self) -> bool:
        """An engine is there, or at the door."""
        return self._engine is not None or self._next is not None

    @property
    def crowded(self) -> bool:
        """Another engine is at the door."""
        return self._next is not None

    @property
    def ready(self) -> bool:
        """An engine is there and has read what it was sent."""
        return self._engine is not None and self._engine.welcome and not self._engine.unsent

    def send(self, *message: Any) -> None:
        """Tell the engine, without waiting for it; nobody there is no error."""
        if self._engine is not None:
            self._engine.unsent += wire.pack(message)
            self._write()

    def greet(self) -> None:
        """The engine has introduced itself and is served from now on."""
        if self._engine is not None:
            self._engine.welcome = True

    def dismiss(self) -> None:
        """End the conversation."""
        if self._engine is None:
            return
        engine, self._engine = self._engine, None
        for fd in engine.descriptors:
            self._epoll.unregister(fd)
            del self.handlers[fd]
        engine.close()
        self._left()
        if self._next is not None:
            following, self._next = self._next, None
            self._seat(following)

    def close(self) -> None:
        """Nobody is served any more."""
        self._listener.close()
        if self._next is not None:
            self._next.close()

    def _knock(self, _mask: int) -> None:
        try:
            guest, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        if self._engine is not None and not self._engine.alive():
            self.dismiss()
        if self._engine is None:
            self._seat(guest)
        elif self._next is not None:
            self._refuse(guest)
        else:
            self._next = guest
            self._timers.after(_WAIT_FOR_LEAVING, lambda: self._give_up(guest))

    def _give_up(self, guest: socket.socket) -> None:
        if self._next is guest:
            self._next = None
            self._refuse(guest)

    def _refuse(self, guest: socket.socket) -> None:
        holder = self._engine.pid if self._engine is not None else 0
        guest.setblocking(False)
        with contextlib.suppress(OSError):
            guest.send(wire.pack(("refused", f"process {holder} is using it")))
        guest.close()

    def _seat(self, guest: socket.socket) -> None:
        guest.setblocking(False)
        engine = _Engine(guest)
        if engine.user != os.geteuid():
            engine.close()
            return
        self._engine = engine
        self.handlers[guest.fileno()] = self._talk
        for fd in engine.descriptors[1:]:
            self.handlers[fd] = lambda _mask: self.dismiss()
        for fd in engine.descriptors:
            self._epoll.register(fd, select.EPOLLIN)

    def _talk(self, mask: int) -> None:
        engine = self._engine
        if engine is None:
            return
        if mask & select.EPOLLOUT:
            self._write()
        if not mask & ~select.EPOLLOUT or self._engine is not engine:
            return
        try:
            data = engine.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.dismiss()
            return
        for message in engine.unpacker.feed(data):
            self._received(message)

    def _write(self) -> None:
        engine = self._engine
        if engine is None or not engine.unsent:
            return
        try:
            sent = engine.socket.send(engine.unsent, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # it is gone, which reading will tell
        del engine.unsent[:sent]
        waits = bool(engine.unsent)
        if waits != engine.writing:
            engine.writing = waits
            mask = select.EPOLLIN | select.EPOLLOUT if waits else select.EPOLLIN
            self._epoll.modify(engine.socket.fileno(), mask)


class _Engine:
    """A connected engine."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.unpacker = wire.Unpacker()
        self.unsent = bytearray()
        self.writing = False
        self.welcome = False
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.pid, self.user, _ = struct.unpack("3i", credentials)
        self.descriptors = [connection.fileno()]
        try:
            # a child that the engine forked may hold the connection open
            self.descriptors.append(os.pidfd_open(self.pid))
        except OSError:
            self.descriptors = self.descriptors[:1]

    def alive(self) -> bool:
        process = look(self.pid)
        return process is not None and process.alive

    def close(self) -> None:
        self.socket.close()
        for fd in self.descriptors[1:]:
            os.close(fd)
