"""Calls that are due at some time."""

from __future__ import annotations

import time
from heapq import heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Timers:
    """Calls in the order in which they are due, on the monotonic clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Have `call` made once, that much later."""
        self._count += 1
        heappush(self._heap, (time.monotonic() + seconds, self._count, call))

    def wait(self) -> float:
        """Seconds until the next call is due; negative: none is."""
        return max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else -1.0

    def run(self) -> None:
        """Make the calls that are due."""
        while self._heap and self._heap[0][0] <= time.monotonic():
            heappop(self._heap)[2]()
