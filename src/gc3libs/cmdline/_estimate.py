"""How fast tasks end, and how long the rest will take."""

from __future__ import annotations

import math
from collections import deque

import msgspec

WINDOW = 20.0
"""Seconds to look back, at least."""
ENOUGH = 20
"""Ends to look back, at least."""
STEP = WINDOW / 40
"""Seconds between two observations that are kept; bounds how many there are."""


class Estimate(msgspec.Struct, frozen=True):
    """Ends per second, and the seconds that are left, with the range in which they likely lie.

    `high` is infinite where nothing can be said against it.
    """

    rate: float
    left: float
    low: float
    high: float


class Estimator:
    """Estimates from how many tasks had ended when.

    Only what was observed counts: tasks that had ended before the first observation do not make
    the rate, and the rate sinks while nothing ends. It looks back over the last 20 seconds or the
    last 20 ends, whichever is longer.

    >>> estimator = Estimator()
    >>> for second in range(11):
    ...     estimator.observe(time=second, ended=100 + 4 * second)
    >>> estimate = estimator.estimate(time=10, remaining=80)
    >>> estimate.rate, estimate.left
    (4.0, 20.0)
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def observe(self, time: float, ended: int) -> None:
        """Take note that so many tasks have ended by this moment of the monotonic clock."""
        if self._seen and ended < self._seen[-1][1]:
            self._seen.clear()
        if not self._seen:
            self._seen.append((time, ended))
        elif ended > self._seen[-1][1]:
            self._keep(time, ended)

    def _keep(self, time: float, ended: int) -> None:
        if len(self._seen) > 2 and time - self._seen[-2][0] < STEP:
            self._seen.pop()
        self._seen.append((time, ended))
        while time - self._seen[1][0] >= WINDOW and ended - self._seen[1][1] >= ENOUGH:
            self._seen.popleft()

    def estimate(self, time: float, remaining: int) -> Estimate | None:
        """What to expect at this moment; None as long as no end was observed."""
        if len(self._seen) < 2 or time <= self._seen[0][0]:
            return None
        since, before = self._seen[0]
        count = self._seen[-1][1] - before
        rate = count / (time - since)
        left = remaining / rate
        spread = max(1 / math.sqrt(count), self._drift(time))
        return Estimate(
            rate=rate,
            left=left,
            low=left / (1 + spread),
            high=left / (1 - spread) if spread < 1 else math.inf,
        )

    def _drift(self, time: float) -> float:
        """How far the rates before and after the middle differ from their mean, relatively."""
        since, before = self._seen[0]
        ended = self._seen[-1][1]
        middle = min(self._seen, key=lambda seen: abs(seen[0] - (since + time) / 2))
        if not since < middle[0] < time:
            return 0.0
        early = (middle[1] - before) / (middle[0] - since)
        late = (ended - middle[1]) / (time - middle[0])
        return abs(early - late) / (early + late)
