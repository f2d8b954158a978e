"""How many tasks of a session are in each state, also of some classes only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gc3libs._clock import SYSTEM, Clock
from gc3libs.engine import Counts
from gc3libs.model import State, Task
from gc3libs.persistence.classes import class_of
from gc3libs.persistence.record import Summary
from gc3libs.persistence.trust import NotTrusted

if TYPE_CHECKING:
    from gc3libs.session import Session

SHARE = 20
"""A look at all tasks is followed by so many times its duration without one."""

Kind = type[Task] | tuple[type[Task], ...]


class Tally:
    """Counts the tasks of a session as they were saved last; loads none.

    Counting a class means looking at the summaries of all tasks. So that this takes a small part of
    a run's time, numbers may be somewhat old, unless they are asked for as `exact`.

    Args:
        only: Count only tasks of this class, or of these; None or `Task`: all.
    """

    def __init__(self, session: Session, only: Kind | None, clock: Clock = SYSTEM) -> None:
        self._session = session
        self._only = Task if only is None else only
        self._clock = clock
        self._kinds = Kinds(self._only)
        self._found: Counts | None = None
        self._next = 0.0

    def counts(self, *, exact: bool = False) -> Counts:
        """By state; also `ok`, `failed` and `total`."""
        if self._only is Task:
            found = self._session.counts(tree=True)
            return Counts({name: found[name] for name in found})
        if self._found is None or exact or self._clock.monotonic() >= self._next:
            began = self._clock.monotonic()
            self._found = self._count(self._session.summaries(tree=True))
            now = self._clock.monotonic()
            self._next = now + SHARE * (now - began)
        return self._found

    def _count(self, summaries: Iterable[Summary]) -> Counts:
        numbers: Counter[str] = Counter(ok=0, failed=0, total=0)
        for each in summaries:
            if each.cls in self._kinds:
                numbers["total"] += 1
                numbers[each.state] += 1
                if each.state == State.TERMINATED:
                    numbers["ok" if each.ok else "failed"] += 1
        return Counts(numbers)


class Kinds:
    """Tells by the recorded name of a class whether it is meant; imports nothing.

    Args:
        only: A class, or several.
    """

    def __init__(self, only: Kind) -> None:
        self._only = only
        self._known: dict[str, bool] = {}

    def __contains__(self, name: str) -> bool:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._only is Task or self._is_meant(name)
        return found

    def _is_meant(self, name: str) -> bool:
        try:
            return issubclass(class_of(name), self._only)
        except NotTrusted:
            return False
