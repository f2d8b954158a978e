"""A clock that tests wind by hand."""

from __future__ import annotations


class VirtualClock:
    """Time that passes only when somebody sleeps, or a test says so.

        >>> clock = VirtualClock(now=1000.0)
        >>> clock.sleep(5)
        >>> clock.now(), clock.monotonic()
        (1005.0, 5.0)

    Args:
        now: UTC at the beginning, in seconds since the epoch.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._start = now
        self._passed = 0.0

    def now(self) -> float:
        """UTC, in seconds since the epoch."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, at once."""
        self._passed += max(0.0, seconds)
