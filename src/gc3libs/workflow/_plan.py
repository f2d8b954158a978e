"""Which tasks come after which, by place, and which of them may start."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from gc3libs.persistence.persistable import Persistable


class Plan:
    """A graph of tasks that wait for others, and how far it is.

    Tasks are known by their places, in the order in which they were added. What was added may only
    wait for what is there already, or is declared so later with `link`.
    """

    def __init__(self) -> None:
        self._places: dict[int | str, int] = {}
        self._before: list[list[int]] = []
        self._behind: list[list[int]] = []
        self._left: list[int] = []
        self._over: set[int] = set()
        self._freed: dict[int, None] = {}

    def add(self, task: Persistable | str, after: Iterable[int]) -> None:
        """Add a task, in memory or by its ID, that waits for those at these places."""
        place = len(self._before)
        self._places[task if isinstance(task, str) else id(task)] = place
        if not isinstance(task, str) and task.persistent_id is not None:
            self._places[task.persistent_id] = place
        self._before.append([])
        self._behind.append([])
        self._left.append(0)
        for each in after:
            self.link(place, each)

    def link(self, place: int, before: int) -> None:
        """Let the task at one place wait for that at another, too."""
        self._before[place].append(before)
        self._behind[before].append(place)
        if before not in self._over:
            self._left[place] += 1

    def place(self, task: Persistable) -> int | None:
        """Where a task is; None if it is not here."""
        found = self._places.get(id(task))
        if found is None and task.persistent_id is not None:
            found = self._places.get(task.persistent_id)
        return found

    def way_back(self, starts: Iterable[int], goals: Collection[int]) -> Sequence[int] | None:
        """A chain of places from `starts` to `goals`, each waiting for the one after it."""
        came_from: dict[int, int | None] = dict.fromkeys(starts)
        waiting = list(came_from)
        while waiting:
            place = waiting.pop()
            if place in goals:
                chain = [place]
                while (earlier := came_from[chain[-1]]) is not None:
                    chain.append(earlier)
                return chain[::-1]
            for before in self._before[place]:
                if before not in came_from:
                    came_from[before] = place
                    waiting.append(before)
        return None

    def end(self, place: int) -> None:
        """A task is over."""
        if place not in self._over:
            self._over.add(place)
            for behind in self._behind[place]:
                self._left[behind] -= 1
                if not self._left[behind]:
                    self._freed[behind] = None

    def revive(self, place: int) -> None:
        """A task that was over is not."""
        if place in self._over:
            self._over.remove(place)
            for behind in self._behind[place]:
                self._left[behind] += 1
                self._freed.pop(behind, None)

    def take_freed(self) -> list[int]:
        """Those that have been waiting, and may start since this was asked last."""
        freed, self._freed = self._freed, {}
        return [place for place in freed if place not in self._over]

    def is_free(self, place: int) -> bool:
        """Whether the task there waits for nothing and is not over."""
        return not self._left[place] and place not in self._over

    def free(self) -> list[int]:
        """All that wait for nothing and are not over."""
        return [place for place in range(len(self._left)) if self.is_free(place)]
