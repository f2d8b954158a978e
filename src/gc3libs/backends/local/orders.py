"""What the supervisor is told of a job."""

from __future__ import annotations

import os
from typing import Any

from gc3libs.backends._staging import check_names
from gc3libs.backends.base import Capacity, JobRefused, JobSpec
from gc3libs.backends.local.supervisor.records import quote
from gc3libs.backends.local.supervisor.words import memory

_TOKEN_LENGTH = 200  # bytes; a file's name has at most 255


def check(job: JobSpec, capacity: Capacity) -> None:
    """Find what makes a job impossible on a machine of this size.

    Raises:
        JobRefused: This does.
    """
    token = job.token
    if job.cores > capacity.cores:
        raise JobRefused(token, f"needs {job.cores} cores; this machine has {capacity.cores}")
    if job.memory is not None and job.memory > capacity.memory:
        has = f"this machine has {memory(capacity.memory)}"
        raise JobRefused(token, f"needs {memory(job.memory)} of memory; {has}")
    if job.nodes > 1:
        raise JobRefused(token, f"needs {job.nodes} machines at the same time; this is one")
    check_form(job)


def check_form(job: JobSpec) -> None:
    """Find what makes a job impossible on every machine.

    Raises:
        JobRefused: This does.
    """
    token = job.token
    if not token.isprintable() or " " in token or "/" in token or token.startswith("."):
        raise JobRefused(token, "its token cannot be used as the name of a file")
    if not 0 < len(token.encode()) <= _TOKEN_LENGTH:
        raise JobRefused(token, f"its token must have 1 to {_TOKEN_LENGTH} bytes")
    if not job.argv or not job.argv[0]:
        raise JobRefused(token, "it has no command")
    check_names(job)
    _check_strings(job)


def _check_strings(job: JobSpec) -> None:
    if any("\0" in argument for argument in job.argv):
        raise JobRefused(job.token, "an argument contains a NUL character")
    for name, value in job.environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise JobRefused(job.token, f"{name!r} cannot be the name of an environment variable")


def order(job: JobSpec, directory: str | None) -> tuple[Any, ...]:
    """The job as the supervisor takes it."""
    stdin, stdout, stderr = job.stdin, job.stdout, job.stderr
    join = job.join or (stdout is not None and stdout == stderr)
    streams = f"{_place(stdout, job)} {'=' if join else _place(stderr, job)}"
    return (
        job.token,
        [os.fsencode(argument) for argument in job.argv],
        {os.fsencode(name): os.fsencode(value) for name, value in job.environment.items()},
        directory,
        None if stdin is None else os.fsencode(stdin),
        None if stdout is None else os.fsencode(stdout),
        None if stderr is None or join else os.fsencode(stderr),
        join,
        job.capture,
        job.cores,
        job.memory or 0,
        job.memory_limit,
        job.walltime,
        streams,
    )


def _place(name: str | None, job: JobSpec) -> str:
    if name is not None:
        return "/" + quote(name)
    return ">" if job.capture else "."
