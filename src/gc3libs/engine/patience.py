"""What an engine does about trouble that may pass."""

from __future__ import annotations

import logging

from gc3libs._clock import Clock
from gc3libs.exceptions import DirectoryInUse, RecoverableError, ResourceGone

logger = logging.getLogger(__name__)

GIVE_UP = 3600.0
"""Seconds of trouble without a break after which it does not look as if it would pass."""

LONGEST = 5.0
"""Most seconds between two tries."""


class Patience:
    """Waits before each new try, longer and longer, and gives up in the end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self._tries = 0
        self._told = ""

    def regain(self) -> None:
        """All is well again."""
        self._since, self._tries, self._told = None, 0, ""

    def bear(self, trouble: RecoverableError) -> None:
        """Wait for a while.

        Raises:
            RecoverableError: The trouble itself: it lasts too long, or will not pass by waiting.
        """
        now = self._clock.monotonic()
        if self._since is None:
            self._since = now
        if isinstance(trouble, DirectoryInUse | ResourceGone) or now - self._since >= GIVE_UP:
            raise trouble
        text = str(trouble)
        level = logging.DEBUG if text == self._told else logging.WARNING
        logger.log(level, "%s; trying again for up to %d minutes", text, GIVE_UP // 60)
        self._told = text
        self._clock.sleep(min(LONGEST, 0.05 * 2 ** min(self._tries, 10)))
        self._tries += 1
