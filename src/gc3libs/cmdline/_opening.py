"""Opening resources for an engine, or one of them for a look."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_state_path

from gc3libs.backends.base import Backend
from gc3libs.backends.gone import GoneBackend
from gc3libs.backends.local import LocalBackend
from gc3libs.backends.making import make_backend
from gc3libs.cmdline._resources import Resources, configured_resources
from gc3libs.cmdline._run_directory import of_others, run_of
from gc3libs.config import LocalResource, load_settings
from gc3libs.engine.places import default_workdir, open_local
from gc3libs.engine.resource import Resource
from gc3libs.persistence.store import Store

if TYPE_CHECKING:
    from gc3libs.session import Session


def open_resources(
    resources: Resources,
    cleanup: ExitStack,
    workdir: str | Path | None,
    store: Store | None,
) -> list[Resource]:
    """The resources that an engine needs: those that are enabled, and those that have jobs.

    Args:
        resources: Of several that are this machine, the first that is enabled is meant.
        cleanup: Closes what was opened.
        workdir, store: As `Engine` takes them.

    Raises:
        NoResources: None is enabled.
        ConfigurationError: A library that a resource needs is not installed.
    """
    resources.check()
    base = default_workdir(store.url) if workdir is None and store is not None else workdir
    place = None if base is None else Path(base)
    holder = str(place or "") if store is None else store.home or store.url
    opener = _Opener(cleanup, place, holder)
    return [*opener.this_machine(resources), *opener.others(resources)]


class _Opener:
    def __init__(self, cleanup: ExitStack, workdir: Path | None, holder: str) -> None:
        self._cleanup = cleanup
        self._workdir = workdir
        self._holder = holder

    def this_machine(self, resources: Resources) -> Iterator[Resource]:
        """As it is enabled; or as it has, perhaps, jobs of an earlier time."""
        here = [each for each in resources if isinstance(each.settings, LocalResource)]
        here.sort(key=lambda each: not each.enabled)
        has_jobs = self._workdir is not None and (self._workdir / "journal").exists()
        if here and (here[0].enabled or has_jobs):
            yield self._opened(here[0], self._local(here[0]))
        elif has_jobs:
            was = Resource("local", LocalResource(), enabled=False)
            yield self._opened(was, self._local(was))

    def _local(self, resource: Resource) -> Backend:
        settings = resource.settings
        assert isinstance(settings, LocalResource)
        if self._workdir is not None:
            backend = make_backend(resource.name, settings, self._workdir)
            self._cleanup.callback(backend.close)
            return backend
        memory = None if settings.memory is None else settings.memory.in_bytes()
        local = open_local(self._cleanup, None, None, settings.cores, memory)
        local.name = resource.name
        return local

    def others(self, resources: Resources) -> Iterator[Resource]:
        """Those that are enabled, or have a directory here; configured still, or not."""
        base = self._base_of_others()
        known = {each.name for each in base.iterdir()} if base.is_dir() else set()
        for each in resources:
            if isinstance(each.settings, LocalResource):
                continue
            if each.enabled or each.name in known:
                backend = make_backend(each.name, each.settings, base / each.name)
                self._cleanup.callback(backend.close)
                yield self._opened(each, backend)
        for name in sorted(known - resources.resources.keys()):
            yield Resource(name, backend=GoneBackend(name), enabled=False)

    def _base_of_others(self) -> Path:
        if self._workdir is not None:
            return of_others(self._workdir)
        base = tempfile.mkdtemp(prefix="gc3-")
        self._cleanup.callback(shutil.rmtree, base, ignore_errors=True)
        return Path(base)

    def _opened(self, resource: Resource, backend: Backend) -> Resource:
        return resource.opened(backend, slots_directory(resource), self._holder)


@contextmanager
def backend_of(session: Session, name: str) -> Iterator[Backend]:
    """The backend that has a session's jobs at a resource, for a command that runs no engine.

    Raises:
        ResourceGone: When it is used: the resource is not configured any more.
    """
    run = session.run_directory
    found = configured_resources(load_settings(session=session.path)).resources.get(name)
    backend: Backend
    if found is not None and not found.is_here:
        backend = make_backend(name, found.settings, of_others(run) / name)
    elif run_of(run, name) != Path(run):
        backend = GoneBackend(name)
    else:
        backend = LocalBackend(run)
    with closing(backend):
        yield backend


def slots_directory(resource: Resource) -> Path:
    """Where all sessions of a user count what they have at a resource."""
    name = resource.name
    if isinstance(resource.settings, LocalResource):
        name = f"local@{os.uname().nodename}"
    return user_state_path("gc3libs") / "slots" / name
