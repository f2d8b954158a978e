"""What sets failed tasks apart from the others: where they ran, and values of parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gc3libs.cli._words import value_word
from gc3libs.persistence import Query, Summary
from gc3libs.persistence.record import Comparison, Fact

if TYPE_CHECKING:
    from gc3libs.session import Session

_MOST: Final = 0.8
"""Share of the tasks that must have a value in common."""
_FEW: Final = 0.2
"""Share of the others that may have it, too."""


class Peculiarity(msgspec.Struct, frozen=True, kw_only=True):
    """A value that most of some tasks have, and few others.

    Attributes:
        name: Of the parameter, or "resource".
        value: Its value.
        having: How many of the tasks have it, out of `tasks`.
        others_having: How many of the others, out of `others`.
    """

    name: str
    value: Any
    having: int
    tasks: int
    others_having: int
    others: int

    def words(self) -> str:
        """In a line."""
        among = "all" if self.having == self.tasks else f"{self.having:,}"
        beside = f"{self.others_having:,}" if self.others_having else "none"
        what = f"on {self.value}" if self.name == "resource" else self._equation()
        return f"{what} in {among} of them, in {beside} of the {self.others:,} others"

    def _equation(self) -> str:
        return f"{self.name} = {value_word(self.value)}"


def what_stands_out(session: Session, tasks: Sequence[Summary]) -> list[Peculiarity]:
    """What sets these tasks, of which there are several, apart from all others that are over."""
    others = session.counts(state="TERMINATED").total - len(tasks)
    if len(tasks) < 2 or others < 1:
        return []
    found = []
    for fact, value, having in _common(tasks):
        beside = _count(session, fact, value) - having
        if beside <= _FEW * others:
            found.append(
                Peculiarity(
                    name=fact.name,
                    value=value,
                    having=having,
                    tasks=len(tasks),
                    others_having=beside,
                    others=others,
                )
            )
    return found


def _common(tasks: Sequence[Summary]) -> list[tuple[Fact, Any, int]]:
    """Values that most of the tasks have, and how many."""
    resources = Counter(task.resource for task in tasks if task.resource)
    values: Counter[tuple[str, type, Any]] = Counter()
    for task in tasks:
        values.update((name, type(value), value) for name, value in task.parameters.items())
    least = _MOST * len(tasks)
    return [
        *((Fact("resource"), name, n) for name, n in resources.items() if n >= least),
        *((Fact(name, True), value, n) for (name, _, value), n in values.items() if n >= least),
    ]


def _count(session: Session, fact: Fact, value: Any) -> int:
    """How many tasks that are over have it."""
    if fact.parameter:
        return session.counts(state="TERMINATED", parameters={fact.name: value}).total
    query = Query(where=((Comparison(fact, "==", value),),))
    return session.counts(query, state="TERMINATED").total
