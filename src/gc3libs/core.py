"""What old scripts call `Core` and `Engine`: jobs moved by hand, or by an engine on such a core."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from gc3libs import engine as modern
from gc3libs.cmdline._controller import ScriptEngine
from gc3libs.cmdline._resources import Resource, are_named, find_resources
from gc3libs.compat.background import BackgroundEngine
from gc3libs.config import Configuration, load_settings
from gc3libs.defaults import CONFIG_FILE_LOCATIONS
from gc3libs.exceptions import InvalidOperation, LRMSSubmitError, OutputNotAvailableError
from gc3libs.model import Job, Signals, State, Task
from gc3libs.persistence.store import Store

__all__ = ["BgEngine", "Core", "Engine", "MatchMaker", "create_core", "create_engine"]


class _Enough(Exception):
    """What was waited for has come. Never leaves this module."""


class Core:
    """Moves single jobs, each when it is told to. Every call waits until it is done.

    Args:
        cfg: Where resources are described; None: the usual places.
        matchmaker, resource_errors_are_fatal: Kept for old scripts; without effect.

    Attributes:
        resources: By name.

    Raises:
        NoResources: There are none.
        ConfigurationFileError: A configuration file cannot be read.
    """

    def __init__(
        self,
        cfg: Configuration | None = None,
        matchmaker: Any = None,
        resource_errors_are_fatal: bool | None = None,
    ) -> None:
        cfg = Configuration(*CONFIG_FILE_LOCATIONS) if cfg is None else cfg
        files = list(cfg.locations)
        named = are_named(files)
        self._known = find_resources(load_settings(), files, named=named, sections=cfg.sections)
        self._known.check()
        self._by_hand: ScriptEngine | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def resources(self) -> dict[str, Resource]:
        """The resources by name."""
        return self._known.resources

    def get_resources(self) -> list[Resource]:
        """All resources."""
        return self._known.get_resources()

    def get_backend(self, name: str) -> Resource:
        """The resource of this name.

        Raises:
            InvalidResourceName: There is none.
        """
        return self._known.get_backend(name)

    def select_resource(self, match: str | Callable[[Any], bool]) -> int:
        """Leave only some resources enabled, by a pattern for names or a function; how many are."""
        return self._known.select_resource(match)

    def update_resources(self, resources: Iterable[Resource] | None = None) -> None:
        """Nothing: what is known of this machine is up to date."""

    def add(self, task: Task) -> None:
        """Nothing: a core keeps no tasks."""

    def remove(self, task: Task) -> None:
        """Nothing: a core keeps no tasks."""

    @property
    def _engine(self) -> ScriptEngine:
        if self._by_hand is None:
            self._by_hand = ScriptEngine(self._known, can_retrieve=False)
        return self._by_hand

    def _until(self, over: Callable[[], bool]) -> None:
        """Let the engine go on until something is so, or there is nothing more to do."""

        def look(engine: modern.Engine) -> None:
            if over():
                raise _Enough

        if not over():
            with contextlib.suppress(_Enough):
                self._engine.run(each=look)

    def submit(self, app: Task, resubmit: bool = False, targets: Any = None, **extra: Any) -> None:
        """Start a job; one that is not NEW is left alone, unless it is to be done once more.

        Raises:
            LRMSSubmitError: It cannot be started; says why.
        """
        if not isinstance(app, Job):
            app.submit(resubmit, targets, **extra)
            return
        run = app.execution
        if run.state is not State.NEW and not resubmit:
            return
        self._engine.submit(app, resubmit)
        self._until(lambda: run.state is not State.NEW)
        if run.signal == Signals.SubmissionFailed:
            raise LRMSSubmitError(f"{app} cannot be started: {run.details.reason}")

    def update_job_state(self, *apps: Task, **extra: Any) -> None:
        """Bring the states of jobs up to date."""
        for app in apps:
            self._engine.add(app)
        self._engine.progress()

    def fetch_output(
        self,
        app: Task,
        download_dir: str | None = None,
        overwrite: bool = False,
        changed_only: bool = True,
        **extra: Any,
    ) -> None:
        """Fetch the outputs of a job that is over, which ends the task.

        Args:
            app: The task.
            download_dir: Where to; None: its `output_dir`.
            overwrite: Into a directory that is there already; otherwise that is renamed.
            changed_only: Kept for old scripts; without effect.

        Raises:
            OutputNotAvailableError: The job is not over.
        """
        if app.execution.state not in (State.TERMINATING, State.TERMINATED):
            raise OutputNotAvailableError(f"{app} is {app.execution.state}: it has no output yet")
        if download_dir is not None and app.execution.state is State.TERMINATING:
            app.output_dir = download_dir
        self._engine.retrieve_overwrites = overwrite
        self._finish(app)

    def _finish(self, app: Task) -> None:
        self._engine.can_retrieve = True
        try:
            self._until(lambda: app.execution.state is State.TERMINATED)
        finally:
            self._engine.can_retrieve = False

    def kill(self, app: Task, **extra: Any) -> None:
        """End a job; the task is TERMINATED then."""
        self._engine.kill(app)
        self._finish(app)

    def free(self, app: Task, **extra: Any) -> None:
        """Remove what a job that is over has left where it ran.

        Raises:
            InvalidOperation: It is not over.
        """
        if app.execution.state not in (State.TERMINATING, State.TERMINATED):
            raise InvalidOperation(f"{app} is {app.execution.state}: kill it before it is freed")
        self._engine.free(app)

    def peek(
        self, app: Task, what: str = "stdout", offset: int = 0, size: int | None = None, **kw: Any
    ) -> IO[str]:
        """A part of an output of a job, also while it runs; see `Engine.peek`."""
        return self._engine.peek(app, what, offset, size)

    def close(self) -> None:
        """Let go of all jobs; they go on."""
        if self._by_hand is not None:
            self._by_hand.close()
            self._by_hand = None


class Engine(ScriptEngine):
    """An engine on the resources of a core; it takes what `gc3libs.engine.Engine` takes."""

    def __init__(
        self,
        controller: Core,
        tasks: Iterable[Task] = (),
        store: Store | None = None,
        workdir: str | Path | None = None,
        **options: Any,
    ) -> None:
        super().__init__(controller._known, tasks, store, workdir, **options)


class BgEngine(BackgroundEngine):
    """An engine in a thread of its own.

    Args:
        lib: `"threading"`.
        *args: An engine, or what `Engine` takes.
        **options: As well.
    """

    def __init__(self, lib: str, *args: Any, **options: Any) -> None:
        given = args[0] if args and isinstance(args[0], modern.Engine) else None
        super().__init__(lib, Engine(*args, **options) if given is None else given)


class MatchMaker:
    """Which resources suit a task, and which of them is the best, as the task itself says."""

    def filter(self, task: Any, resources: Sequence[Resource]) -> list[Resource]:
        """Those on which the task can run."""
        found: list[Resource] = task.compatible_resources(resources)
        return found

    def rank(self, task: Any, resources: Sequence[Resource]) -> list[Resource]:
        """The same, the best first."""
        found: list[Resource] = task.rank_resources(resources)
        return found


def create_core(
    *conf_files: str,
    cfg_dict: Mapping[str, Mapping[str, Any]] | None = None,
    auto_enable_auth: bool = True,
    **options: Any,
) -> Core:
    """A core, on the resources that configuration files describe; without any, on this machine.

    Args:
        *conf_files: Of GC3Pie's kind; none: the usual places.
        cfg_dict: Sections, by name, that win over the files.
        auto_enable_auth: Kept for old scripts; without effect.
        **options: Whatever else `Core` takes.

    Raises:
        NoResources: None of the resources can be used.
        ConfigurationFileError: A file cannot be read.
    """
    files = conf_files or tuple(CONFIG_FILE_LOCATIONS)
    return Core(Configuration(*files, cfg_dict=cfg_dict), **options)


def create_engine(
    *conf_files: str,
    cores: int | None = None,
    memory: int | None = None,
    **options: Any,
) -> modern.Engine:
    """An engine, on the resources that configuration files describe; without any, on this machine.

    Args:
        *conf_files: As `create_core` takes them, and its keywords, too.
        cores, memory: Slots, and bytes of memory, of this machine, whatever is configured.
        **options: Whatever else `gc3libs.engine.Engine` takes.

    Raises:
        NoResources: None of the resources can be used.
        ConfigurationFileError: A file cannot be read.
        TypeError: An option that neither knows.
    """
    if cores is not None or memory is not None:
        return modern.create_engine(cores=cores, memory=memory, **options)
    of_core = {name: options.pop(name) for name in _CORE_OPTIONS if name in options}
    return Engine(create_core(*conf_files, **of_core), **options)


_CORE_OPTIONS = ("auto_enable_auth", "cfg_dict", "matchmaker", "resource_errors_are_fatal")
