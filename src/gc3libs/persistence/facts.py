"""What a summary says, by name, and comparing it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from gc3libs._clock import SYSTEM
from gc3libs.persistence.record import Comparison, Fact, Summary, split_id

FIELDS: Final[Mapping[str, Callable[[Summary], Any]]] = {
    "id": lambda s: s.id,
    "number": lambda s: split_id(s.id)[1],
    "name": lambda s: s.name,
    "state": lambda s: s.state,
    "returncode": lambda s: s.returncode,
    "exitcode": lambda s: None if s.returncode is None else s.returncode >> 8 & 0xFF,
    "signal": lambda s: None if s.returncode is None else s.returncode & 0x7F,
    "attempt": lambda s: s.attempt,
    "held": lambda s: s.held,
    "resource": lambda s: s.resource,
    "created": lambda s: s.created,
    "changed": lambda s: s.changed,
    "started": lambda s: s.started,
    "ended": lambda s: s.ended,
    "duration": lambda s: duration_of(s),
    "cpu_time": lambda s: s.cpu_time,
    "memory": lambda s: s.memory,
    "info": lambda s: s.info,
}
"""What a `Fact` that is no parameter can be."""

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def duration_of(summary: Summary) -> float | None:
    """Seconds that a task has run, until now or until its end; None if it has not."""
    if summary.started is not None and summary.ended is not None:
        return max(0.0, summary.ended - summary.started)
    if summary.state == "RUNNING" and summary.changed:
        return max(0.0, SYSTEM.now() - summary.changed)
    return None


def value_of(summary: Summary, fact: Fact) -> Any:
    """What the summary says of it; None: nothing."""
    return summary.parameters.get(fact.name) if fact.parameter else FIELDS[fact.name](summary)


def holds(summary: Summary, comparison: Comparison) -> bool:
    """Whether a comparison does; see there.

    >>> task = Summary(id="Task.1", cls="m:Task", parameters_json='{"x": 3}')
    >>> [holds(task, Comparison(Fact("x", True), "<", each)) for each in (3, 3.5, "4")]
    [False, True, False]
    """
    found, wanted = value_of(summary, comparison.fact), comparison.value
    kind = str if isinstance(wanted, str) else (int, float)
    comparable = isinstance(found, kind)
    if comparison.operator == "!=":
        return not comparable or found != wanted
    return comparable and _OPERATORS[comparison.operator](found, wanted)


def sort_key(fact: Fact) -> Callable[[Summary], tuple[bool, bool, Any]]:
    """Numbers, then texts, then what is not there."""

    def key(summary: Summary) -> tuple[bool, bool, Any]:
        value = value_of(summary, fact)
        return value is None, isinstance(value, str), 0 if value is None else value

    return key
