"""Two ways to the same end, timed in turns, and what came out."""

from __future__ import annotations

import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUNDS = 5
CHILDREN = Path(__file__).with_name("children.py")


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        what: Is measured.
        floor: Name of what it is held against.
        ours: Medians, in `unit`.
        ratio: Of the two; None for a difference.
        target: In words.
        met: Whether the target was.
        note: Where the rest goes.
    """

    what: str
    floor: str
    ours: float
    least: float
    unit: str
    ratio: float | None
    target: str
    met: bool
    note: str = ""


class Stopwatch:
    """Collects the time spent in its `with` blocks, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began


Way = Callable[[int, Stopwatch], object]
"""Does it once, given the number of the round, and lets the watch run meanwhile."""


def in_turns(ours: Way, floor: Way, rounds: int = ROUNDS) -> tuple[float, float]:
    """Medians of both, in seconds; they alternate, so that the machine's moods strike both."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for way, seconds in zip((floor, ours), reversed(times), strict=True):
            watch = Stopwatch()
            way(number, watch)
            seconds.append(watch.seconds)
    return statistics.median(times[0]), statistics.median(times[1])


def at_most(
    limit: float, what: str, floor: str, ours: float, least: float, unit: str = "s", note: str = ""
) -> Figure:
    """A figure that should not be more than so many times the floor."""
    ratio = ours / least
    target = f"at most {limit:g} x"
    return Figure(what, floor, ours, least, unit, ratio, target, ratio <= limit, note)


def at_least(
    limit: float, what: str, floor: str, ours: float, least: float, unit: str, note: str = ""
) -> Figure:
    """A figure that should be at least so many times the floor."""
    ratio = ours / least
    target = f"at least {limit:g} x"
    return Figure(what, floor, ours, least, unit, ratio, target, ratio >= limit, note)


def at_most_more(
    limit: float, what: str, floor: str, ours: float, least: float, unit: str, note: str = ""
) -> Figure:
    """A figure that should not exceed the floor by more than `limit`."""
    met = ours - least <= limit
    return Figure(what, floor, ours, least, unit, None, f"at most {limit:g} {unit} more", met, note)


def child(procedure: str, *arguments: object) -> dict[str, Any]:
    """What a procedure of `children.py` reports, run in a fresh process.

    `cpu` (in seconds) is added: what the process and all that it waited for have used.
    """
    with subprocess.Popen(
        [sys.executable, str(CHILDREN), procedure, *map(str, arguments)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{procedure} has failed")
    report: dict[str, Any] = json.loads(output)
    return report | {"cpu": usage.ru_utime + usage.ru_stime}


_libc = ctypes.CDLL(None, use_errno=True)


def syncfs(directory: Path) -> None:
    """Write everything of the directory's filesystem to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        if _libc.syncfs(descriptor):
            raise OSError(ctypes.get_errno(), "syncfs")
    finally:
        os.close(descriptor)


def fsync(path: Path) -> None:
    """Write a file, or the entries of a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
