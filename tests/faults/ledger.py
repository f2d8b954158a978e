"""What processes have acknowledged before they were cut off, and whether a session still has it."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gc3libs import Task
from gc3libs.session import Session

Say = Callable[..., None]

LEFTOVERS = ("*.new", "jobs/new/*", "jobs/commit/*", "store.db-journal")
"""Where a writer that was cut off may leave something until the next one comes."""


def task(value: int) -> Task:
    """A task that can be told from others, and its former self."""
    return Task(jobname=f"task {value}", value=value, ballast=bytes([value % 251]) * 300)


def whole(found: Any) -> bool:
    """Whether a task is one of `task`'s, all of it of the same value."""
    named = bool(found.jobname == f"task {found.value}")
    return named and bool(found.ballast == bytes([found.value % 251]) * 300)


def change(found: Any, value: int) -> None:
    """Make a task one of another value."""
    found.value, found.jobname = value, f"task {value}"
    found.ballast = bytes([value % 251]) * 300


def speaker(line: socket.socket) -> Say:
    """How a process announces (`will`) and acknowledges (`has`, `gone`) what it does."""

    def say(kind: str, id_: str = "", value: int = 0) -> None:
        line.send(json.dumps([kind, id_, value]).encode() + b"\n")

    return say


class Ledger:
    """What must be in a session, and what may be."""

    def __init__(self) -> None:
        self.sure: dict[str, int] = {}
        self._possible: dict[str, set[int | None]] = {}

    def take(self, said: bytes) -> list[str]:
        """Note what a process said; gives the kinds. A line cut short was not said."""
        kinds = []
        for line in said.splitlines(keepends=True):
            if line.endswith(b"\n"):
                kind, id_, value = json.loads(line)
                getattr(self, f"_{kind}")(id_, value)
                kinds.append(kind)
        return kinds

    def _will(self, id_: str, value: int | None) -> None:
        self._possible.setdefault(id_, set()).add(value)

    def _has(self, id_: str, value: int) -> None:
        self.sure[id_] = value
        self._possible.pop(id_, None)

    def _gone(self, id_: str, _: int) -> None:
        self.sure.pop(id_, None)
        self._possible[id_] = {None}

    def _failed(self, _: str, __: int) -> None:
        """A call was refused: what it would have done may be done, or not."""

    def _raised(self, trace: str, _: int) -> None:
        raise AssertionError(trace)

    def _done(self, _: str, __: int) -> None:
        """The process came to its end."""

    def check(self, path: Path) -> None:
        """The session opens and holds what was acknowledged; from now on it is what it holds.

        Tasks whose adding was not acknowledged may be there, whole.
        """
        with _no_warnings(), _opened(path) as session:
            found = {each.persistent_id: each for each in session}
            assert all(map(whole, found.values()))
            values = {id_: each.value for id_, each in found.items()}
            for id_, value in self.sure.items():
                assert values.get(id_) in {value} | self._possible.get(id_, set()), (id_, value)
            for id_, possible in self._possible.items():
                assert id_ in self.sure or values.get(id_) in possible | {None}, id_
            listed = list(session.tasks)
            assert len(listed) == len(set(listed)) == len(session) == len(found)
            assert session.counts().total == len(found)
            assert [each.id for each in session.summaries()] == listed
            assert {each.id: each.parameters["value"] for each in session.summaries()} == values
        self.sure = values
        self._possible = {}

    def check_goes_on(self, path: Path) -> None:
        """Without repair, tasks can be added, changed, removed and run; nothing lies about then."""
        with _no_warnings(), _opened(path) as session:
            one, other = session.add_many([task(1), task(2)])
            session.load(one).value = 3
            session.save_all()
            session.remove(other)
            session.remove(one)
            session.lease().release()
        left = [str(each) for pattern in LEFTOVERS for each in path.glob(pattern)]
        assert left == []
        self.check(path)


class _opened:
    """A session, closed without saving."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Session:
        self._session = Session(self._path, create=False)
        return self._session

    def __exit__(self, *exc: object) -> None:
        self._session.close()


class _no_warnings(logging.Handler):
    """Nothing is left out, with no more than a line in the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def __enter__(self) -> None:
        logging.getLogger("gc3libs").addHandler(self)

    def __exit__(self, kind: object, *exc: object) -> None:
        logging.getLogger("gc3libs").removeHandler(self)
        assert kind is not None or self._lines == []


def ids_of(path: Path) -> Iterable[str]:
    """What the index names."""
    return (path / "index.txt").read_text().split()
