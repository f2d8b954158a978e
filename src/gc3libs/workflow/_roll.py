"""Where the children of a collection stand, at a cost of what changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from gc3libs.model import State, Task, termination
from gc3libs.persistence.children import Children, Unavailable
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.record import Summary

Entry = tuple[State, int | None]
"""State, and for a child that is over its returncode."""

_LIVE = frozenset({State.SUBMITTED, State.RUNNING, State.STOPPED, State.UNKNOWN, State.TERMINATING})


class Roll:
    """Counts children by state and returncode, and sums up what they took.

    Children in memory say themselves how they change. The others are counted from their records;
    those of them that are not over are *apart*, until they are met; from then on they are *present*
    until they are over.

    Attributes:
        size: How long the list of children was when the roll was called.
        stored: Some were counted from their records.
        figures: Of those that are over.
    """

    def __init__(self) -> None:
        self.size = 0
        self.stored = False
        self.figures = Figures()
        self._counter: Counter[Entry] = Counter()
        self._apart: dict[str, Entry] = {}
        self._missing: set[str] = set()
        self._present: dict[str | None, Task] = {}

    def count(self, child: Task, *, listed: bool = True) -> None:
        """Count a child in memory, as it stands; `listed`: the collection itself has hold of it."""
        self._enter(_entry(child))
        if child.execution.state is State.TERMINATED:
            self.figures.add_task(child)
        elif not listed:
            self._present[child.persistent_id] = child

    def count_record(self, summary: Summary) -> None:
        """Count a child from its record."""
        self.stored = True
        state = State(summary.state)
        entry = state, summary.returncode if state is State.TERMINATED else None
        self._enter(entry)
        if state is State.TERMINATED:
            self.figures.add(summary.started, summary.ended, summary.cpu_time, summary.memory)
        else:
            self._apart[summary.id] = entry

    def count_missing(self, id_: str) -> None:
        """Count a child that cannot be loaded: nobody knows how it stands."""
        self._missing.add(id_)
        self._enter((State.UNKNOWN, None))

    def lose(self, id_: str) -> None:
        """A child that was apart cannot be loaded."""
        before = self._apart.pop(id_, None)
        if before is not None:
            self._counter[before] -= 1
            self.count_missing(id_)

    def meet(self, child: Task, *, listed: bool = False) -> bool:
        """A child that was apart is in memory now; whether it has moved on since."""
        before = self._apart.pop(child.persistent_id or "", None)
        after = _entry(child)
        if before is not None and after[0] is not State.TERMINATED and not listed:
            self._present[child.persistent_id] = child
        if before is None or before == after:
            return False
        self._counter[before] -= 1
        self._enter(after)
        if after[0] is State.TERMINATED:
            self.figures.add_task(child)
        return True

    def moved(self, child: Task, before: State, after: State) -> None:
        """A child in memory went from one state to another."""
        returncode = child.execution.returncode
        self._counter[before, returncode if before is State.TERMINATED else None] -= 1
        self._enter((after, returncode if after is State.TERMINATED else None))
        if after is State.TERMINATED:
            self.figures.add_task(child)
            self._present.pop(child.persistent_id, None)

    @property
    def present(self) -> list[Task]:
        """Those that were met, and are not over."""
        return list(self._present.values())

    def _enter(self, entry: Entry) -> None:
        self._counter[entry] += 1

    def apart(self, *, live: bool | None = None) -> list[str]:
        """IDs of those that are not over and not in memory; all, or only those (not) live."""
        return [
            id_
            for id_, (state, _) in self._apart.items()
            if live is None or (state in _LIVE) is live
        ]

    def is_over(self, child: Persistable | str) -> bool:
        """Whether a child, in memory or by its ID, is over, as far as is known."""
        if isinstance(child, str):
            known = (self._apart, self._missing, self._present)
            return not any(child in each for each in known)
        if not isinstance(child, Task) or isinstance(child, Unavailable):
            return False
        return child.execution.state is State.TERMINATED

    def has(self, state: State) -> bool:
        """Whether any child is in this state."""
        return any(n > 0 and entry[0] is state for entry, n in self._counter.items())

    @property
    def over(self) -> bool:
        """Whether all are over."""
        return all(n <= 0 or entry[0] is State.TERMINATED for entry, n in self._counter.items())

    @property
    def at_rest(self) -> bool:
        """Whether all are over, but for those that cannot be loaded."""
        left = sum(n for entry, n in self._counter.items() if entry[0] is not State.TERMINATED)
        return left == len(self._missing)

    @property
    def in_flight(self) -> bool:
        """Whether any was handed to a backend and is not over, as far as is known."""
        if any(self.has(state) for state in _LIVE - {State.UNKNOWN}):
            return True
        return self._counter[State.UNKNOWN, None] > len(self._missing)

    @property
    def missing(self) -> list[str]:
        """IDs of those that cannot be loaded, and of which no record says how they stand."""
        return sorted(self._missing)

    def numbers(self) -> Counter[str]:
        """How many there are by state; also "ok", "failed" and "total"."""
        numbers: Counter[str] = Counter(total=self._counter.total())
        for (state, returncode), n in self._counter.items():
            if n > 0:
                numbers[state.value] += n
                if state is State.TERMINATED:
                    numbers["ok" if returncode == 0 else "failed"] += n
        return numbers

    def returncodes(self) -> set[int | None]:
        """The different returncodes of those that are over."""
        return {
            returncode
            for (state, returncode), n in self._counter.items()
            if n > 0 and state is State.TERMINATED
        }

    def exitcodes(self) -> set[int]:
        """The different exit codes of those that are over, as far as they are known."""
        found = {termination.restore(returncode)[1] for returncode in self.returncodes()}
        return {exitcode for exitcode in found if exitcode is not None}


class Figures:
    """What children took together: earliest start, latest end, CPU time in all, peak memory."""

    def __init__(self) -> None:
        self.started: float | None = None
        self.ended: float | None = None
        self.cpu_time: float | None = None
        self.memory: int | None = None

    def add_task(self, task: Task) -> None:
        """Add those of a task that is over."""
        details = task.execution.details
        self.add(details.started, details.ended, details.cpu_time, details.memory)

    def add(
        self,
        started: float | None,
        ended: float | None,
        cpu_time: float | None,
        memory: int | None,
    ) -> None:
        """Add figures; None where nothing is known."""
        if started is not None:
            self.started = started if self.started is None else min(self.started, started)
        if ended is not None:
            self.ended = ended if self.ended is None else max(self.ended, ended)
        if cpu_time is not None:
            self.cpu_time = cpu_time + (self.cpu_time or 0.0)
        if memory is not None:
            self.memory = max(memory, self.memory or 0)

    def note_on(self, task: Task) -> None:
        """Make them the task's own."""
        details = task.execution.details
        details.started, details.ended = self.started, self.ended
        if self.started is not None and self.ended is not None:
            details.duration = self.ended - self.started
        details.cpu_time, details.memory = self.cpu_time, self.memory


def _entry(child: Task) -> Entry:
    run = child.execution
    return run.state, run.returncode if run.state is State.TERMINATED else None


def entries(children: Iterable[Persistable]) -> Iterable[Persistable | str]:
    """Children in memory, and the IDs of the others; loads none."""
    return children.entries() if isinstance(children, Children) else children


def in_memory(children: Iterable[Persistable]) -> Iterator[Task]:
    """The children that are in memory and can be used."""
    for each in entries(children):
        if isinstance(each, Task) and not isinstance(each, Unavailable):
            yield each
