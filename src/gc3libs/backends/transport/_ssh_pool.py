"""The SSH connections of this process, and the thread in which they live."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakSet

from gc3libs.backends.transport._ssh_address import Address
from gc3libs.backends.transport._ssh_connection import Connection

T = TypeVar("T")

logger = logging.getLogger(__name__)


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_note)
        self._thread = threading.Thread(target=self._run, name="gc3libs-ssh", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Have this done there, and wait for what comes of it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # if this thread was interrupted

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Note what a broken connection leaves behind; whoever has used it has heard of that."""
    logger.debug("in the thread of SSH: %s", context)


class Pool:
    """One connection for each address, as long as it has users.

    The thread is there as long as there is a connection.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: _Loop | None = None
        self._connections: dict[Address, Connection] = {}
        self._users: dict[Address, WeakSet[Any]] = {}

    def call(
        self, address: Address, user: object, action: Callable[[Connection], Coroutine[Any, Any, T]]
    ) -> T:
        """Have something done with the connection to an address, of which `user` is a user now."""
        with self._lock:
            self._loop = self._loop or _Loop()
            loop = self._loop
            if address not in self._connections:
                self._connections[address] = Connection(address)
            self._users.setdefault(address, WeakSet()).add(user)
            connection = self._connections[address]
        return loop.call(action(connection))

    def leave(self, address: Address, user: object) -> None:
        """Let go of a connection; the last of its users closes it."""
        with self._lock:
            users = self._users.get(address, WeakSet())
            users.discard(user)
            if users or address not in self._connections or self._loop is None:
                return
            del self._users[address]
            self._loop.call(self._connections.pop(address).close())
            if not self._connections:
                self._loop.stop()
                self._loop = None


_pools = [Pool()]
# Pools before the last one belong to processes that this one was forked from. They are kept, not
# used: to close what is in them would close it there as well.
os.register_at_fork(after_in_child=lambda: _pools.append(Pool()))


def pool() -> Pool:
    """That of this process."""
    return _pools[-1]
