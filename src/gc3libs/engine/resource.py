"""`Resource`: a place where jobs run, with its limits, as engines and scripts see it."""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from gc3libs.backends.base import Backend, Capacity
from gc3libs.backends.local import machine
from gc3libs.config import HostResource, Limits, LocalResource, RemoteResource
from gc3libs.engine.slots import Slots
from gc3libs.exceptions import InvalidOperation
from gc3libs.model.resources import ARCHITECTURES
from gc3libs.quantity import Duration, Memory

HERE = "shellcmd"
"""What GC3Pie calls resources that are this machine."""

UNLIMITED = sys.maxsize
"""Stands for a number without limit."""

_NO_LIMIT_OF_MEMORY = Memory(UNLIMITED, Memory.B)
_NO_LIMIT_OF_TIME = Duration(1_000_000, Duration.days)


class Resource:
    """A place where jobs run.

    Args:
        name: As the user calls it.
        settings: Its limits, and what else is known of it.
        backend: Where its jobs go; None: it is only spoken of.
        enabled: Whether new tasks may go there.

    Attributes:
        name, settings: As given.
        updated: What is said of it is up to date.
        user_run, user_queued: How many jobs of this engine run there, and wait there.
        queued: The same as `user_queued`, as nothing is known of others.
        free_slots: Cores that this engine leaves free there.
    """

    updated = True

    def __init__(
        self,
        name: str,
        settings: Limits = Limits(),  # noqa: B008  # it cannot be changed
        backend: Backend | None = None,
        *,
        enabled: bool = True,
    ) -> None:
        self.name = name
        self.settings = settings
        self.slots = Slots(settings)
        self.user_run = self.user_queued = 0
        self.free_slots = self.max_cores
        self._backend = backend
        self._switch = [enabled]

    def __repr__(self) -> str:
        return f"<Resource {self.name}{'' if self.enabled else ' (not enabled)'}>"

    def opened(self, backend: Backend, slots: Path | None = None, holder: str = "") -> Resource:
        """The same resource for one engine; whether it is enabled is said in one place.

        Args:
            backend: Where its jobs go.
            slots: The directory in which all who use the resource count what they have there.
            holder: Whom others are to see there.
        """
        made = Resource(self.name, self.settings, backend)
        made.slots = Slots(self.settings, slots, holder)
        made._switch = self._switch
        return made

    @property
    def enabled(self) -> bool:
        """Whether new tasks may go there; may be changed at any time."""
        return self._switch[0]

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._switch[0] = enabled

    @property
    def backend(self) -> Backend:
        """Where its jobs go.

        Raises:
            InvalidOperation: Nobody has said it yet.
        """
        if self._backend is None:
            raise InvalidOperation(f"the resource {self.name} was not opened")
        return self._backend

    @property
    def is_open(self) -> bool:
        """Whether there is a backend."""
        return self._backend is not None

    @property
    def is_here(self) -> bool:
        """Whether it is this machine."""
        return self.type == HERE

    @property
    def is_plain(self) -> bool:
        """Whether it is all the same what a task asks for, and what others do."""
        return not self.settings.limits().keys() - {"tags"}

    @property
    def type(self) -> str:
        """As in the configuration; `HERE` for this machine."""
        return str(self.settings.__struct_config__.tag or HERE)

    @property
    def frontend(self) -> str:
        """The host where its commands run."""
        settings = self.settings
        host = settings.host if isinstance(settings, RemoteResource) else None
        return host or "localhost"

    # limits, as scripts compare them with what a task asks for

    @property
    def max_cores(self) -> int:
        """Of all tasks together."""
        settings = self.settings
        if isinstance(settings, LocalResource):
            return settings.cores or machine.cores()
        if isinstance(settings, HostResource):
            return settings.cores
        return settings.max_cores or UNLIMITED

    def cores_of(self, offer: Capacity) -> int:
        """How many cores there are for this engine, whether in use or not."""
        if isinstance(self.settings, RemoteResource):  # its offer is that to one job
            return self.max_cores
        return min(offer.cores, self.settings.max_cores or UNLIMITED)

    @property
    def max_cores_per_job(self) -> int:
        """Of one task."""
        return min(self.settings.max_cores_per_job or UNLIMITED, self.max_cores)

    @property
    def max_memory(self) -> Memory:
        """Of all tasks together."""
        settings = self.settings
        if isinstance(settings, LocalResource):
            return settings.memory or Memory(machine.memory(), Memory.B)
        return _NO_LIMIT_OF_MEMORY

    @property
    def max_memory_per_core(self) -> Memory:
        """Of one task, for each of its cores."""
        return self.settings.max_memory_per_core or self.max_memory

    @property
    def max_walltime(self) -> Duration:
        """Of one task."""
        return self.settings.max_walltime or _NO_LIMIT_OF_TIME

    @property
    def architecture(self) -> tuple[str, ...]:
        """What its processors are, or all that there are."""
        known = self.settings.architecture
        return ARCHITECTURES if known is None else (known,)

    @property
    def queued(self) -> int:
        """How many jobs wait there."""
        return self.user_queued


def select(resources: Iterable[Resource], match: str | Callable[[Resource], bool]) -> int:
    """Leave only some resources enabled; how many are.

    Args:
        match: A pattern as the shell's for names, or what says of a resource whether it stays.
    """
    enabled = 0
    for each in resources:
        fits = fnmatch.fnmatchcase(each.name, match) if isinstance(match, str) else match(each)
        each.enabled = each.enabled and bool(fits)
        enabled += each.enabled
    return enabled
