"""Which workers a cluster has."""

from __future__ import annotations

from collections.abc import Collection

from gc3libs._clock import Clock
from gc3libs.backends.dask import cluster
from gc3libs.backends.dask.link import Link, Workers
from gc3libs.backends.dask.packing import Size
from gc3libs.backends.local import machine
from gc3libs.config import DaskResource
from gc3libs.exceptions import RecoverableError

_ASK = 1.0  # seconds between two questions
_PAUSE = 30.0  # seconds before a scheduler that did not answer is asked again


class Staff:
    """The workers as they were a moment ago, or, while there are none, as they are to be."""

    def __init__(self, settings: DaskResource, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._ask_at = float("-inf")
        self._present = Workers()

    @property
    def is_to_be_asked(self) -> bool:
        """It is time to ask who is there."""
        return self._clock.monotonic() >= self._ask_at

    def forget(self) -> None:
        """Have somebody asked anew: this may be another cluster."""
        self._ask_at = float("-inf")

    def ask(self, link: Link) -> None:
        """Ask who is there; while nobody answers, it is as it was."""
        self._ask_at = self._clock.monotonic() + _PAUSE
        try:
            self._present = link.workers()
        except RecoverableError:
            return
        self._ask_at = self._clock.monotonic() + _ASK

    def give_up(self) -> None:
        """There is nobody to ask; it is not tried again at once."""
        self._ask_at = self._clock.monotonic() + _PAUSE

    @property
    def workers(self) -> Workers:
        """Those that are there."""
        if self._present.slots or self._settings.address is not None:
            return self._present
        wanted = cluster.order(self._settings, machine.cores())
        names = [str(number) for number in range(wanted.workers)]
        memory = wanted.memory or machine.memory()
        return Workers(dict.fromkeys(names, wanted.cores), dict.fromkeys(names, memory))

    @property
    def slots(self) -> int:
        """Of all together."""
        return sum(self.workers.slots.values())

    @property
    def largest(self) -> Size:
        """The most that one of them has; 0: not known."""
        workers = self.workers
        slots, memory = workers.slots.values(), workers.memory.values()
        return Size(max(slots, default=0), max(memory, default=0))

    def able(self, size: Size) -> tuple[str, ...] | None:
        """Addresses of those that are large enough for a job; None: all are."""
        present = self._present
        able = tuple(
            address
            for address, slots in present.slots.items()
            if slots >= size.slots and (present.memory[address] or size.memory) >= size.memory
        )
        return None if len(able) in (0, len(present.slots)) else able

    def have_left(self, addresses: Collection[str]) -> bool:
        """None of these is there any more."""
        return not self._present.slots.keys() & addresses
