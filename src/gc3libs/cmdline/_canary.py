"""A few tasks that are run first, to see whether the others are worth it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gc3libs.cmdline._messages import as_typed, gc3_command
from gc3libs.engine import Engine
from gc3libs.model import State

if TYPE_CHECKING:
    from gc3libs.session import Session

SAMPLE = 1000
"""Among how many tasks, evenly taken from all, the few are chosen."""

IN_FLIGHT = (State.SUBMITTED, State.RUNNING, State.STOPPED, State.TERMINATING, State.UNKNOWN)


class Canary:
    """Has an engine start a few tasks of a session, and all the others when these are well.

    Tasks that have ended well before count. So a session that was stopped goes on with as many as
    are missing, those first that failed then and are to be run again.

    Args:
        wanted: How many tasks must have ended well.
    """

    def __init__(self, session: Session, engine: Engine, wanted: int) -> None:
        self._session = session
        self._engine = engine
        self._wanted = wanted
        self._started = 0
        self._all_fed = False

    def feed(self) -> None:
        """Give the engine what it is to run now."""
        missing = self._wanted - self._session.counts()["ok"]
        if missing <= 0:
            self._feed_all()
            return
        self._start(missing)
        if self._session.counts(leaf=False).total:  # their tasks cannot be given one by one
            self._feed_all()
        else:
            self._engine.feed([each.id for each in self._session.summaries(states=IN_FLIGHT)])
            self._engine.feed(chosen(self._session, missing))

    def _start(self, count: int) -> None:
        self._engine.to_start = count
        self._started += count

    def _feed_all(self) -> None:
        if not self._all_fed:
            self._all_fed = True
            self._engine.feed(self._session.unfinished())

    def look(self, done: int, failed: int) -> bool:
        """See how they are; whether some have failed, and all are over.

        Args:
            done: How many tasks of the session have ended well.
            failed: How many have failed since the beginning.
        """
        if self._engine.to_start is None:
            return False
        if done >= self._wanted and not failed:
            self._engine.to_start = None
            self._feed_all()
        elif not self._engine.to_start and not self._engine.has_in_flight:
            if failed:
                return True
            self._start(self._wanted - done)  # one was tried again, or there are not so many
            self._feed_all()
        return False

    def message(self, failed: int) -> str:
        """Why the others were not started, and what can be done."""
        session, gc3 = as_typed(self._session.path), gc3_command()
        waiting = self._session.counts(states=["NEW"]).total
        return (
            f"Stopped: {failed:,} of {self._started:,} tasks that were tried first"
            f" {'has' if failed == 1 else 'have'} failed; {waiting:,} were not started.\n"
            f"  why:    {gc3} failures {session}\n"
            f"  again:  {gc3} retry {session} --failed, then {gc3} run {session}\n"
            f"  go on:  {gc3} run {session} --canary 0"
        )


def chosen(session: Session, count: int) -> list[str]:
    """IDs of waiting tasks, spread over their parameters; those that were tried before go first."""
    waiting = session.counts(states=["NEW"], held=False).total
    step = max(1, waiting // SAMPLE)
    again: list[str] = []
    sample: list[tuple[str, Mapping[str, Any]]] = []
    for number, summary in enumerate(session.summaries(states=["NEW"], held=False)):
        if summary.attempt:
            again.append(summary.id)
        elif number % step == 0:
            sample.append((summary.id, dict(summary.parameters)))
    rest = count - len(again)
    places = spread([parameters for _, parameters in sample], rest) if rest > 0 else []
    return [*again[:count], *(sample[place][0] for place in places)]


def spread(points: Sequence[Mapping[str, Any]], count: int) -> list[int]:
    """Places of points that lie far from each other: the first one, then each time the farthest.

    Numbers are compared in relation to their range, other values by whether they are equal.

    >>> spread([{"x": 1}, {"x": 2}, {"x": 3}, {"x": 4}, {"x": 5}], 3)
    [0, 4, 2]
    """
    if not points or count < 1:
        return []
    ranges = _ranges(points)
    chosen = [0]
    nearest = [_distance(point, points[0], ranges) for point in points]
    nearest[0] = -1.0
    while len(chosen) < min(count, len(points)):
        place = max(range(len(points)), key=nearest.__getitem__)
        chosen.append(place)
        for other, point in enumerate(points):
            nearest[other] = min(nearest[other], _distance(point, points[place], ranges))
        nearest[place] = -1.0
    return chosen


def _ranges(points: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of each parameter that is a number everywhere, largest minus smallest value."""
    values: dict[str, list[Any]] = {}
    for point in points:
        for name, value in point.items():
            values.setdefault(name, []).append(value)
    return {
        name: float(max(found) - min(found))
        for name, found in values.items()
        if len(found) == len(points) and all(_is_number(each) for each in found)
    }


def _distance(
    one: Mapping[str, Any], other: Mapping[str, Any], ranges: Mapping[str, float]
) -> float:
    total = 0.0
    for name in one.keys() | other.keys():
        if name in ranges:
            total += ((one[name] - other[name]) / (ranges[name] or 1.0)) ** 2
        else:
            total += one.get(name) != other.get(name)
    return total


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
