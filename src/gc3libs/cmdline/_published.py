"""How far a run is, for other processes to see: a small file that the run keeps up to date."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from typing import Final

import msgspec

from gc3libs._atomic import write_file
from gc3libs._clock import SYSTEM
from gc3libs.cmdline._estimate import Estimate, Estimator
from gc3libs.cmdline._figures import Progress

PAUSE: Final = 1.0
"""Seconds between two writes, at least."""

FRESH: Final = 30.0
"""Seconds after which nobody believes the file any more."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run was at some moment (UTC, seconds since the epoch), and what to expect."""

    time: float
    progress: Progress
    rate: float | None = None
    left: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def estimate(self) -> Estimate | None:
        """What to expect, if anything can be said."""
        if self.rate is None or self.left is None or self.low is None:
            return None
        high = math.inf if self.high is None else self.high
        return Estimate(rate=self.rate, left=self.left, low=self.low, high=high)


class Publisher:
    """Writes the file of one run.

    Args:
        run_directory: The session's `run`.
    """

    def __init__(self, run_directory: str) -> None:
        self._path = _path(run_directory)
        self._estimator = Estimator()
        self._next = SYSTEM.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return SYSTEM.monotonic() >= self._next

    def update(self, progress: Progress) -> None:
        """Write how far the run is; that it cannot be written harms nobody."""
        now = SYSTEM.monotonic()
        self._next = now + PAUSE
        self._estimator.observe(now, progress.done + progress.failed)
        found = self._estimator.estimate(now, progress.running + progress.waiting)
        facts = {} if found is None else msgspec.structs.asdict(found)
        if facts and math.isinf(facts["high"]):
            del facts["high"]
        published = Published(time=SYSTEM.now(), progress=progress, **facts)
        with contextlib.suppress(OSError):
            write_file(self._path, msgspec.json.encode(published), durable=False)

    def close(self) -> None:
        """The run is over: there is nothing to be seen."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def published(run_directory: str | os.PathLike[str]) -> Published | None:
    """What a run has published lately; None if there is nothing to be believed."""
    try:
        found = msgspec.json.decode(_path(run_directory).read_bytes(), type=Published)
    except (OSError, msgspec.DecodeError):
        return None
    return found if abs(SYSTEM.now() - found.time) < FRESH else None


def _path(run_directory: str | os.PathLike[str]) -> Path:
    return Path(run_directory) / "progress.json"
