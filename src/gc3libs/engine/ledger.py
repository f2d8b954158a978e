"""How many tasks an engine has, by state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from gc3libs.model import State, Task


class Counts(Mapping[str, int]):
    """How many tasks are in each state; `"ok"` and `"failed"` split TERMINATED, `"total"` is all.

    A state that no task was ever in counts 0.

    >>> counts = Counts({"NEW": 2, "TERMINATED": 3, "ok": 2, "failed": 1, "total": 5})
    >>> counts["NEW"], counts["RUNNING"], counts["failed"]
    (2, 0, 1)
    """

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = dict(numbers)

    def __getitem__(self, name: str) -> int:
        return self._numbers.get(name, 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __repr__(self) -> str:
        return f"Counts({self._numbers})"


Entry = tuple[State, int | None]
"""State of a task, and its returncode if that is TERMINATED."""


def entry_of(task: Task) -> Entry:
    """Where a task stands."""
    run = task.execution
    state = run.state
    return state, run.returncode if state is State.TERMINATED else None


class Ledger:
    """Counts tasks of some classes by where they stand."""

    def __init__(self, only: type[Task] | tuple[type[Task], ...]) -> None:
        self._only = only
        self._counter: Counter[Entry] = Counter()

    def move(self, task: Task, before: Entry | None, after: Entry | None) -> None:
        """A task has come (`before` is None), changed, or is to be forgotten (`after` is None)."""
        if isinstance(task, self._only):
            if before is not None:
                self._counter[before] -= 1
            if after is not None:
                self._counter[after] += 1

    def counts(self) -> Counts:
        """The numbers."""
        numbers: Counter[str] = Counter()
        for (state, returncode), count in self._counter.items():
            numbers[state.value] += count
            numbers["total"] += count
            if state is State.TERMINATED:
                numbers["ok" if returncode == 0 else "failed"] += count
        return Counts(numbers)
