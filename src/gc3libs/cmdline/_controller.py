"""The engine of a script: an engine that also answers to what scripts ask of one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gc3libs.cmdline._opening import open_resources
from gc3libs.cmdline._resources import Resources
from gc3libs.cmdline._tally import Kind
from gc3libs.engine import Counts, Engine
from gc3libs.engine.resource import Resource
from gc3libs.model import Task
from gc3libs.persistence.store import Store


class ScriptEngine(Engine):
    """An `Engine` on the resources that are enabled.

    Args:
        resources: Those that there are.
        tasks: Added at once.
        store: Where changed tasks are saved; None: nothing is kept.
        workdir: As `Engine` takes it.
        **options: Whatever else `Engine` takes.

    Attributes:
        tally: Counts tasks of a class in the session that is run; None: the engine's own numbers,
            without what was over before it began and what it was not handed yet.

    Raises:
        NoResources: None is enabled.
    """

    tally: Callable[[Kind], Counts] | None = None

    def __init__(
        self,
        resources: Resources,
        tasks: Iterable[Task] = (),
        store: Store | None = None,
        workdir: str | Path | None = None,
        **options: Any,
    ) -> None:
        self._resources = resources
        with contextlib.ExitStack() as opened:
            places = open_resources(resources, opened, workdir, store)
            super().__init__(places, tasks, store, **options)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Save everything and let go of backends and tasks; jobs go on."""
        with self._opened:
            super().close()

    def progress(self) -> bool:
        """Take each task as far as it can go now; whether anything has moved.

        Raises:
            NoResources: None is enabled any more.
            RecoverableError: Nothing was lost: the next call tries again.
            LeaseLost: Another engine has taken over.
        """
        self._resources.check()
        return super().progress()

    @property
    def resources(self) -> dict[str, Resource]:
        """The resources by name, with those that only have jobs of an earlier time."""
        return {**self._resources.resources, **super().resources}

    def get_resources(self) -> list[Resource]:
        """All resources."""
        return list(self.resources.values())

    def get_backend(self, name: str) -> Resource:
        """The resource of this name.

        Raises:
            InvalidResourceName: There is none.
        """
        return self._resources.get_backend(name)

    def select_resource(self, match: str | Callable[[Any], bool]) -> int:
        """Leave only some resources enabled; see `Resources.select_resource`."""
        return self._resources.select_resource(match)

    def counts(self, only: Kind = Task) -> Counts:
        """How many tasks there are, by state; with `tally`, of the whole session as saved last.

        Args:
            only: As for `Engine.counts`.

        Raises:
            InvalidArgument: It is none of these.
        """
        own = super().counts(only)
        return own if self.tally is None else self.tally(only)

    def stats(self, only: Kind | None = None) -> Counts:
        """The former name of `counts`."""
        return self.counts(Task if only is None else only)
