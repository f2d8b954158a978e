"""Tasks that wait for their turn, most of them as IDs only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from gc3libs.model import Task

BATCH = 256
"""How many tasks are loaded from a feed at a time."""


class Intake:
    """First in, first out: tasks that were given, then whatever the feeds bring.

    A feed is an iterable of IDs. It is read as far as its tasks are wanted, so that a million
    waiting tasks need the memory of a batch.

    Args:
        load: Gives the tasks of IDs, in order; leaves out those that cannot be loaded.
    """

    def __init__(self, load: Callable[[list[str]], list[Task]]) -> None:
        self._load = load
        self._tasks: deque[Task] = deque()
        self._feeds: deque[Iterator[str]] = deque()

    def __bool__(self) -> bool:
        self._refill()
        return bool(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def put(self, task: Task) -> None:
        """Add a task at the end of those that were given."""
        self._tasks.append(task)

    def put_back(self, tasks: Iterable[Task]) -> None:
        """Let tasks that were taken be the next ones again."""
        self._tasks.extendleft(reversed(list(tasks)))

    def feed(self, ids: Iterable[str]) -> None:
        """Add the tasks of these IDs, after all others."""
        self._feeds.append(iter(ids))

    def take(self) -> Task | None:
        """The next task; None if there is none."""
        self._refill()
        return self._tasks.popleft() if self._tasks else None

    def discard(self, task: Task) -> None:
        """Leave a task out; one that is not here is no error."""
        self._tasks = deque(each for each in self._tasks if each is not task)

    def __iter__(self) -> Iterator[Task]:
        return iter(tuple(self._tasks))

    def _refill(self) -> None:
        while not self._tasks and self._feeds:
            ids = [id_ for _, id_ in zip(range(BATCH), self._feeds[0], strict=False)]
            if not ids:
                self._feeds.popleft()
            self._tasks.extend(self._load(ids) if ids else ())
