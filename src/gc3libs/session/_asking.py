"""Questions about a session's tasks, answered from summaries: no task is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from gc3libs.exceptions import InvalidValue
from gc3libs.model import State
from gc3libs.model.termination import join
from gc3libs.persistence import Query, Summary
from gc3libs.persistence.record import StateCount

_ENDINGS: Final = {"ok": "ok", "OK": "ok", "failed": "failed", "FAILED": "failed"}
"""Names that are no states, and mean TERMINATED, well or not."""

WAITING: Final = (State.NEW.value,)
IN_FLIGHT: Final = tuple(
    state.value for state in State if state not in (State.NEW, State.TERMINATED)
)

Words = str | Iterable[str]


class Counts(msgspec.Struct, frozen=True):
    """How many tasks there are.

    Attributes:
        total: Of all.
        ok, failed: That ended well, or not.
        states: By state; those that no task is in are absent.

    >>> counts = Counts(total=3, ok=1, failed=0, states={"RUNNING": 2, "TERMINATED": 1})
    >>> counts["RUNNING"], counts["ok"], counts["NEW"]
    (2, 1, 0)
    """

    total: int
    ok: int
    failed: int
    states: dict[str, int]

    def __getitem__(self, name: str) -> int:
        if name == "total":
            return self.total
        if name in _ENDINGS:
            return self.ok if _ENDINGS[name] == "ok" else self.failed
        return self.states.get(check_state(name), 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """The states that some task is in, then `ok`, `failed` and `total`."""
        return [*self.states, "ok", "failed", "total"]

    def items(self) -> list[tuple[str, int]]:
        """The same, with their numbers."""
        return [(name, self[name]) for name in self.keys()]


def total_of(counts: Iterable[StateCount]) -> Counts:
    """Counts by state and returncode, put together."""
    states: Counter[str] = Counter()
    ok = 0
    for each in counts:
        states[each.state] += each.count
        if each.state == State.TERMINATED and each.returncode == 0:
            ok += each.count
    order = {state.value: place for place, state in enumerate(State)}
    named = dict(sorted(states.items(), key=lambda item: order.get(item[0], len(order))))
    return Counts(total=states.total(), ok=ok, failed=states[State.TERMINATED] - ok, states=named)


class Question(msgspec.Struct, frozen=True):
    """Which tasks are meant.

    Attributes:
        query: What a store can look for.
        accepts: Whether state and returncode of what it finds are among those wanted; None: yes.
    """

    query: Query
    accepts: Callable[[str, int | None], bool] | None = None

    def of(self, **where: Any) -> Query:
        """The query, of a session or of some IDs."""
        return replace(self.query, **where)


def question(
    also: Query = Query(),  # noqa: B008  # immutable
    /,
    *,
    state: Words | None = None,
    states: Words | None = None,
    returncode: int | tuple[int | None, int | None] | None = None,
    ok: bool = False,
    failed: bool = False,
    jobname: str | None = None,
    tag: str | None = None,
    held: bool | None = None,
    leaf: bool | None = None,
    tree: bool = False,
    parameters: Mapping[str, Any] | None = None,
    **others: Any,
) -> Question:
    """A question in people's words; see `Session.summaries`."""
    if leaf is None and not tree:
        leaf = True
    query = Query(
        leaf=leaf,
        ok=ok,
        failed=failed,
        returncode=join(*returncode) if isinstance(returncode, tuple) else returncode,
        jobname=jobname,
        tag=tag,
        held=held,
        parameters={**(parameters or {}), **others},
        where=also.where,
        order=also.order,
        reverse=also.reverse,
    )
    names = [check_name(name) for name in (*_words(state), *_words(states))]
    return _with_states(query, frozenset(names)) if names else Question(query)


def _words(words: Words | None) -> list[str]:
    if words is None:
        return []
    return [words] if isinstance(words, str) else list(words)


def _with_states(query: Query, names: frozenset[str]) -> Question:
    if names == {"ok"}:
        return Question(replace(query, ok=True))
    if names == {"failed"}:
        return Question(replace(query, failed=True))
    endings = names & {"ok", "failed"}
    if not endings or State.TERMINATED.value in names:
        return Question(replace(query, states=tuple(sorted(names - endings))))

    def accepts(state: str, returncode: int | None) -> bool:
        return state in names or ("ok" if returncode == 0 else "failed") in endings

    states = sorted({*names, State.TERMINATED.value} - endings)
    return Question(replace(query, states=tuple(states)), accepts)


def check_name(name: str) -> str:
    """A state, or `ok` or `failed`."""
    return _ENDINGS.get(name) or check_state(name)


def check_state(name: str) -> str:
    """A state's name.

    Raises:
        InvalidValue: There is no such state; lists them.
    """
    if name not in State:
        known = ", ".join([*State, "ok", "failed"])
        raise InvalidValue(f"there is no state {name!r}, only {known}")
    return str(name)


def accepted(question: Question, summaries: Iterable[Summary]) -> Iterator[Summary]:
    """Those summaries that the question is about, of those that its query found."""
    accepts = question.accepts
    if accepts is None:
        return iter(summaries)
    return (each for each in summaries if accepts(each.state, each.returncode))


def accepted_counts(question: Question, counts: Iterable[StateCount]) -> Iterator[StateCount]:
    """The same for counts."""
    accepts = question.accepts
    return (each for each in counts if accepts is None or accepts(each.state, each.returncode))
