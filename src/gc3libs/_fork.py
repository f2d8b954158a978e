"""What objects that have locks need so that they can be used in processes made by fork.

Before a fork all their locks are taken, so that no other thread is in the middle of something that
the child could not end. In the child every object then learns that it is one of another process.
"""

from __future__ import annotations

import os
import threading
from enum import IntEnum
from typing import Protocol
from weakref import WeakSet


class Rank(IntEnum):
    """The order in which one thread takes locks, so that two never wait for each other."""

    SESSION = 0
    STORE = 1
    NONE = 2
    """It has no lock, or one under which nothing is left half done."""


class Forked(Protocol):
    """What survives a fork."""

    @property
    def _fork_lock(self) -> threading.RLock | None:
        """What is to be held while the process forks; None if nothing is."""

    def _after_fork(self) -> None:
        """In the child, which has one thread: have a new lock, and nothing of the parent's."""


_known: dict[Rank, WeakSet[Forked]] = {rank: WeakSet() for rank in Rank}
_forking = threading.RLock()
_held: list[threading.RLock] = []


def survive_forks(obj: Forked, rank: Rank) -> None:
    """Have an object be ready for forks, as long as it is in use."""
    _known[rank].add(obj)


def _all() -> list[Forked]:
    return [obj for rank in Rank for obj in tuple(_known[rank])]


def _before() -> None:
    _forking.acquire()
    for obj in _all():
        lock = obj._fork_lock
        if lock is not None:
            lock.acquire()
            _held.append(lock)


def _after_in_parent() -> None:
    while _held:
        _held.pop().release()
    _forking.release()


def _after_in_child() -> None:
    global _forking
    _forking = threading.RLock()
    _held.clear()
    for obj in _all():
        obj._after_fork()


os.register_at_fork(
    before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
)
