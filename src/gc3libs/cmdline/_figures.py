"""How far a run is: the figures that its view shows, and how they are written."""

from __future__ import annotations

import msgspec

from gc3libs.quantity import format_seconds

NAME = 30
"""Characters of a task's name that are shown."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is.

    `total` is the sum of `done`, `failed`, `running`, `waiting` and `held`.
    """

    total: int
    """Tasks that run; collections do not count."""
    done: int = 0
    """Ended with return code 0."""
    failed: int = 0
    """Ended otherwise."""
    running: int = 0
    waiting: int = 0
    held: int = 0
    examples: tuple[tuple[str, float], ...] = ()
    """Some of those that run, by name, and for how many seconds."""
    slots: tuple[int, int] | None = None
    """How many are used, and how many there are."""
    causes: tuple[tuple[str, int], ...] = ()
    """Why tasks failed, in a word or two, and how many; the most frequent first."""
    notes: tuple[str, ...] = ()
    """What else is to be known, such as resources that do not answer."""


def headline(name: str, place: str, progress: Progress) -> str:
    """What is run, and on what.

    >>> headline("flu", "this machine", Progress(total=400, waiting=400, slots=(0, 2)))
    'flu · 400 tasks · 0 of 2 slots · this machine'
    """
    parts = [name, f"{progress.total:,} {'task' if progress.total == 1 else 'tasks'}"]
    if progress.slots:
        used, available = progress.slots
        parts.append(f"{used:,} of {available:,} slots")
    return " · ".join([*parts, place])


def line(name: str, progress: Progress, words: str = "") -> str:
    """How far a run is, in one line.

    >>> line("flu", Progress(total=400, done=312, failed=4, running=2, waiting=82), "41/s")
    'flu: 312 of 400 done, 4 failed, 2 running, 82 waiting · 41/s'
    """
    counts = [f"{progress.done:,} of {progress.total:,} done"]
    for label in ("failed", "running", "waiting", "held"):
        if number := getattr(progress, label):
            counts.append(f"{number:,} {label}")
    parts = [f"{name}: {', '.join(counts)}", words, *map(printable, progress.notes)]
    return " · ".join(filter(None, parts))


def names_of_running(progress: Progress) -> list[str]:
    """Those that run, each with the time it has run.

    >>> names_of_running(Progress(total=1, running=1, examples=(("beta=2.1", 0.44),)))
    ['beta=2.1 (0.4 s)']
    """
    return [f"{_shortened(name)} ({format_seconds(t)})" for name, t in progress.examples]


def _shortened(name: str) -> str:
    name = printable(name)
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def printable(name: str) -> str:
    """A name that moves no cursor and fits on one line."""
    return "".join(each if each.isprintable() else "?" for each in name)
