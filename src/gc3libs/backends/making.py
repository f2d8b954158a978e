"""Backends of what the configuration says."""

from __future__ import annotations

from pathlib import Path

from gc3libs.backends.base import Backend
from gc3libs.config import BatchResource, DaskResource, Limits, LocalResource
from gc3libs.exceptions import InvalidType


def make_backend(name: str, settings: Limits, workdir: Path) -> Backend:
    """The backend of a resource. Nothing is started, and nobody is asked, before it is used.

    Args:
        name: Of the resource, for messages.
        settings: Of the resource.
        workdir: Where it keeps what it knows of its jobs; made when needed.

    Raises:
        InvalidType: These are no settings of a place where jobs run.
        ConfigurationError: A library that it needs is not installed; says which.
    """
    if isinstance(settings, LocalResource):
        return _local(name, settings, workdir)
    if isinstance(settings, DaskResource):
        from gc3libs.backends.dask import DaskBackend

        return DaskBackend(name, settings, workdir)
    if isinstance(settings, BatchResource):
        from gc3libs.backends.batch import BatchBackend

        return BatchBackend(name, settings, workdir)
    raise InvalidType(f"resource {name}: {settings!r} does not say where jobs run")


def is_verified(settings: Limits) -> bool:
    """Whether such resources were tried with what they are made for."""
    if not isinstance(settings, BatchResource):
        return True
    from gc3libs.backends.batch.kinds import scheduler_for

    return scheduler_for(settings).verified


def _local(name: str, settings: LocalResource, workdir: Path) -> Backend:
    from gc3libs.backends.local import LocalBackend

    memory = None if settings.memory is None else settings.memory.in_bytes()
    backend = LocalBackend(workdir, cores=settings.cores, memory=memory)
    backend.name = name
    return backend
