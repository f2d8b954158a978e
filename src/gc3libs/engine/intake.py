"""Tasks that wait for their turn, most of them as IDs only."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gc3libs.exceptions import RecoverableError, StoreError
from gc3libs.model import Task

BATCH = 256
"""How many tasks are loaded from a feed at a time."""

Load = Callable[[list[str], Any], list[Task] | None]
"""Gives those of the tasks with these IDs that are to wait here, in order; None: there are none
among them, and others have to be dealt with before more are loaded."""


Feed = tuple[Iterator[str], Any]
"""IDs, and what they were given with."""


class Intake:
    """First in, first out: tasks that were given, then whatever the feeds bring.

    A feed is an iterable of IDs. It is read as far as its tasks are wanted, so that a million
    waiting tasks need the memory of a batch. The feeds of collections come before the others, so
    that what was begun is ended before more is begun.

    Args:
        load: Called with a batch of IDs, and with what their feed was given with.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._tasks: OrderedDict[int, Task] = OrderedDict()
        self._feeds: deque[Feed] = deque()
        self._inner_feeds: deque[Feed] = deque()
        self._batch: list[str] = []
        self._batch_of: Any = None

    def __bool__(self) -> bool:
        """Whether there may be something to take."""
        return bool(self._tasks or self._batch or self._inner_feeds or self._feeds)

    def put(self, task: Task) -> None:
        """Add a task at the end of those that were given."""
        self._tasks[id(task)] = task

    def put_back(self, tasks: Iterable[Task]) -> None:
        """Let tasks that were taken be the next ones again."""
        for task in reversed(list(tasks)):
            self._tasks[id(task)] = task
            self._tasks.move_to_end(id(task), last=False)

    def feed(self, ids: Iterable[str], given_with: Any) -> None:
        """Add the tasks of these IDs, after all others of their kind."""
        feeds = self._feeds if given_with is None else self._inner_feeds
        feeds.append((iter(ids), given_with))

    def take(self) -> Task | None:
        """The next task; None if there is none.

        Raises:
            StoreUnavailable: It cannot be loaded at the moment; ask again.
            StoreError: A feed broke off: which tasks it would have brought is not known.
        """
        while not self._tasks and self and self._refill():
            pass
        return self._tasks.popitem(last=False)[1] if self._tasks else None

    def discard(self, task: Task) -> None:
        """Leave a task out; one that is not here is no error."""
        self._tasks.pop(id(task), None)

    def _refill(self) -> bool:
        """Load a batch; whether more may be loaded now."""
        if not self._batch:
            feeds = self._inner_feeds or self._feeds
            ids, self._batch_of = feeds[0]
            try:
                self._batch = [id_ for _, id_ in zip(range(BATCH), ids, strict=False)]
            except RecoverableError as err:
                raise StoreError(
                    f"the list of tasks to run broke off: {err}; run it again"
                ) from err
            if not self._batch:
                feeds.popleft()
                return True
        tasks = self._load(self._batch, self._batch_of)
        self._batch = []
        for task in tasks or ():
            self.put(task)
        return tasks is not None
