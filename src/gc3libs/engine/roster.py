"""The tasks that an engine takes care of, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gc3libs.engine.ledger import Counts, Entry, Ledger, entry_of
from gc3libs.exceptions import InvalidArgument
from gc3libs.model import Application, Task


class Roster:
    """Tasks by identity, and their numbers by state.

    A task that was *fed* is let go of when it is over, and stays in the numbers.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, Task] = {}
        self._entries: dict[int, Entry] = {}
        self._fed: set[int] = set()
        self._ledgers: dict[Any, Ledger] = {cls: Ledger(cls) for cls in (Task, Application)}

    def __contains__(self, task: Task) -> bool:
        return id(task) in self._tasks

    def __iter__(self) -> Iterator[Task]:
        return iter(tuple(self._tasks.values()))

    def add(self, task: Task, *, fed: bool = False) -> None:
        """Take a task in."""
        entry = entry_of(task)
        self._tasks[id(task)] = task
        self._entries[id(task)] = entry
        if fed:
            self._fed.add(id(task))
        for ledger in self._ledgers.values():
            ledger.move(task, None, entry)

    def see(self, task: Task) -> None:
        """Take note of where a task stands now."""
        before, after = self._entries.get(id(task)), entry_of(task)
        if before is not None and before != after:
            self._entries[id(task)] = after
            for ledger in self._ledgers.values():
                ledger.move(task, before, after)

    def is_fed(self, task: Task) -> bool:
        """Whether it is to be let go of when it is over."""
        return id(task) in self._fed

    def drop(self, task: Task, *, counted: bool = False) -> bool:
        """Let go of a task; if `counted`, it stays in the numbers. Whether it was here."""
        if self._tasks.pop(id(task), None) is None:
            return False
        self._fed.discard(id(task))
        entry = self._entries.pop(id(task))
        if not counted:
            for ledger in self._ledgers.values():
                ledger.move(task, entry, None)
        return True

    def counts(self, only: Any) -> Counts:
        """The numbers of a class that is counted.

        Raises:
            InvalidArgument: It is not.
        """
        if only not in self._ledgers:
            raise InvalidArgument(
                f"call init_counts_for({only!r}) first: nobody counts these tasks"
            )
        return self._ledgers[only].counts()

    def count(self, cls: type[Task] | tuple[type[Task], ...]) -> None:
        """Start to count tasks of a class, or of several, with those that are here."""
        ledger = self._ledgers[cls] = Ledger(cls)
        for task in self._tasks.values():
            ledger.move(task, None, self._entries[id(task)])
