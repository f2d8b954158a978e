"""Tasks that may go, if only there were room."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from gc3libs.engine.requests import Requests
from gc3libs.model import Task

Key = tuple[Any, ...]


class Group(NamedTuple):
    """Tasks with equal requests."""

    requests: Requests
    tasks: OrderedDict[int, Task]


class Aside:
    """Tasks for which there was no room, by what they ask for.

    In a round, each group is asked for its tasks, in order, until there is no room for one.
    """

    def __init__(self) -> None:
        self._groups: dict[Key, Group] = {}
        self._keys: dict[int, Key] = {}
        self._full: set[Key] = set()
        self._round: list[Key] = []

    def __len__(self) -> int:
        return len(self._keys)

    def begin(self) -> None:
        """Begin a round."""
        self._full.clear()
        self._round = list(reversed(self._groups))

    def is_full(self, requests: Requests) -> bool:
        """Whether in this round there was no room for one with such requests."""
        return requests.key in self._full

    def note_full(self, requests: Requests) -> None:
        """In this round there is no room for tasks with such requests."""
        self._full.add(requests.key)

    def put(self, task: Task, requests: Requests, *, back: bool = False) -> None:
        """Put a task aside, after the others; or back, before them."""
        key = requests.key
        tasks = self._groups.setdefault(key, Group(requests, OrderedDict())).tasks
        tasks[id(task)] = task
        tasks.move_to_end(id(task), last=not back)
        self._keys[id(task)] = key

    def next(self) -> tuple[Task, Requests] | None:
        """Take out the next task, with its requests; None if there is none in this round."""
        while self._round:
            key = self._round[-1]
            group = self._groups.get(key)
            if group is None or key in self._full:
                self._round.pop()
                continue
            task = next(iter(group.tasks.values()))
            self.discard(task)
            return task, group.requests
        return None

    def discard(self, task: Task) -> None:
        """Leave a task out."""
        key = self._keys.pop(id(task), None)
        if key is not None:
            tasks = self._groups[key].tasks
            del tasks[id(task)]
            if not tasks:
                del self._groups[key]
