"""How far a session is, from what its store says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from gc3libs._clock import SYSTEM
from gc3libs.cli._words import duration_of

if TYPE_CHECKING:
    from gc3libs.persistence import Summary
    from gc3libs.session import Session

ALL: Final = 50_000
"""Tasks up to which figures are exact; of larger sessions a sample has to do."""
SAMPLE: Final = 2_000
CAUSES: Final = 500
"""Failed tasks of which the cause is looked for."""
LOOK_BACK: Final = 60.0
"""Seconds over which the rate is taken."""


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
    """What tasks have used, and may still use.

    Attributes:
        cpu: Seconds used by tasks that are over. cpu_to_go: By those that are not; None: unknown.
        exact: All tasks were looked at; otherwise a sample.
        recent: How many ended in the last `LOOK_BACK` seconds.
    """

    cpu: float
    cpu_to_go: float | None
    exact: bool
    recent: int


def usage_of(session: Session, numbers: dict[str, int]) -> Usage:
    """Core-seconds used and to go."""
    exact = numbers["total"] <= ALL
    over = session.summaries(state="TERMINATED")
    looked_at = list(over if exact else islice(over, SAMPLE))
    used = [s.cpu_time for s in looked_at if s.cpu_time is not None]
    mean = sum(used) / len(used) if used else None
    rest = numbers["total"] - numbers["over"]
    since = SYSTEM.now() - LOOK_BACK
    cpu = sum(used) if exact else (mean or 0.0) * numbers["over"]
    return Usage(
        cpu=cpu,
        cpu_to_go=None if mean is None else mean * rest,
        exact=exact,
        recent=sum(1 for s in looked_at if s.ended is not None and s.ended >= since),
    )


def causes_of(session: Session, failed: Iterable[Summary]) -> Counter[str]:
    """How many tasks failed of each cause, in a few words."""
    from gc3libs.cli._why import family_of, reasons
    from gc3libs.cli._words import exit_word

    causes: Counter[str] = Counter()
    for summary, reason in reasons(session, islice(failed, CAUSES)):
        words = exit_word(summary)
        causes[_short(family_of(reason)) or (f"exit {words}" if words.isdigit() else words)] += 1
    return causes


def _short(cause: str) -> str:
    """The name of an exception is enough; of other texts, the beginning."""
    for limit in ("walltime", "memory"):
        if cause.startswith(f"{limit} of "):
            return limit
    head, colon, _ = cause.partition(": ")
    if colon and head.isidentifier():
        return head
    return cause if len(cause) <= 48 else f"{cause[:47]}…"


def examples_of(running: Iterable[Summary]) -> tuple[tuple[str, float], ...]:
    """Some that run, by name, and for how many seconds."""
    return tuple((each.name, duration_of(each) or 0.0) for each in islice(running, 3))
