"""Which tasks stay in memory: those looked at lately, and those that were changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from gc3libs.persistence import Persistable, Store
from gc3libs.persistence.children import Children, Unavailable

_SIZE = 500


class Window:
    """Keeps tasks that were looked at lately, and those that were changed, until they are saved.

    A task that leaves is compared with what the store has first, and so are its children as far as
    they are in memory, so that a change in place (a list that was appended to) is not lost.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: deque[list[Any]] = deque()
        self._count = 0
        self._changed: dict[int, Persistable] = {}

    def keep(self, tasks: list[Any]) -> None:
        """Keep these a while."""
        self._recent.append(tasks)
        self._count += len(tasks)
        while self._count - len(self._recent[0]) >= _SIZE:
            leaving = self._recent.popleft()
            self._count -= len(leaving)
            self._changed.update((id(task), task) for task in self._differing(leaving))

    def _differing(self, tasks: Iterable[Persistable]) -> Iterator[Persistable]:
        """Those that have changed, or own something that has; not those that were removed."""
        doubtful = [task for task in tasks if not _is_surely_unchanged(task)]
        for task in self._store.differing(doubtful):
            if task.persistent_id is not None:
                yield task
        for task in doubtful:
            if type(task)._owned is not Persistable._owned and any(
                self._store.differing(islice(in_memory([task]), 1, None))
            ):
                yield task

    def changed(self) -> list[Persistable]:
        """Objects of the store that differ from what it has, as far as the program holds them."""
        held = in_memory(chain(self._changed.values(), self._store.in_use()))
        return [each for each in self._store.differing(held) if each.persistent_id is not None]

    def settle(self) -> None:
        """Let go of changed tasks that were saved meanwhile."""
        tasks = list(self._changed.values())
        self._changed = {id(task): task for task in self._differing(tasks)}

    def clear(self) -> None:
        """Let go of all."""
        self._recent.clear()
        self._count = 0
        self._changed.clear()


def _is_surely_unchanged(task: Persistable) -> bool:
    saved = task._saved
    owns_nothing = type(task)._owned is Persistable._owned
    return not task.changed and saved is not None and saved.plain and owns_nothing


def in_memory(tasks: Iterable[Persistable]) -> Iterator[Persistable]:
    """Tasks, and what they own as far as it is in memory and can be used; each once."""
    seen: set[int] = set()
    waiting = deque(tasks)
    while waiting:
        task = waiting.popleft()
        if id(task) not in seen and not isinstance(task, Unavailable):
            seen.add(id(task))
            yield task
            owned = task._owned()
            if owned is not None:
                waiting.extend(owned.in_memory() if isinstance(owned, Children) else owned)
