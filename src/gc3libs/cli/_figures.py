"""How far a session is, from what its store says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from gc3libs.persistence.facts import duration_of

if TYPE_CHECKING:
    from gc3libs.persistence import Summary
    from gc3libs.session import Session

CAUSES: Final = 500
"""Failed tasks of which the cause is looked for."""


def numbers_of(session: Session) -> dict[str, int]:
    """How many tasks there are, in people's words: what was handed over waits, held ones do not."""
    counts = session.counts()
    held = session.counts(held=True, state="NEW").total
    over = counts["TERMINATED"]
    waiting = counts["NEW"] + counts["SUBMITTED"] - held
    return {
        "total": counts.total,
        "done": counts["ok"],
        "failed": counts["failed"],
        "running": counts.total - over - held - waiting,
        "waiting": waiting,
        "held": held,
        "over": over,
    }


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What tasks have used, and may still use, in seconds of CPU time.

    Attributes:
        used: By tasks that are over.
        to_go: By those that are not, if these are like those; None: unknown.
    """

    used: float
    to_go: float | None


def usage_of(session: Session, numbers: dict[str, int]) -> Usage:
    """What its tasks have used, and may still use."""
    over = session.totals(state="TERMINATED")
    rest = numbers["total"] - numbers["over"]
    mean = over.cpu_time / over.measured if over.measured else None
    return Usage(used=over.cpu_time, to_go=None if mean is None else mean * rest)


def causes_of(session: Session, failed: Iterable[Summary]) -> Counter[str]:
    """How many tasks failed of each cause, in a few words."""
    from gc3libs.cli._why import reasons
    from gc3libs.cli._words import exit_word
    from gc3libs.model.causes import family_of, in_short

    causes: Counter[str] = Counter()
    for summary, reason in reasons(session, islice(failed, CAUSES)):
        words = exit_word(summary)
        causes[in_short(family_of(reason)) or (f"exit {words}" if words.isdigit() else words)] += 1
    return causes


def examples_of(running: Iterable[Summary]) -> tuple[tuple[str, float], ...]:
    """Some that run, by name, and for how many seconds."""
    return tuple((each.name, duration_of(each) or 0.0) for each in islice(running, 3))
