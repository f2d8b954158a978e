"""Between jobs as the engine describes them and what a worker's agent takes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gc3libs import _runner
from gc3libs.backends import _staging as staging
from gc3libs.backends.base import Capacity, JobRefused, JobSpec
from gc3libs.backends.dask import layout
from gc3libs.backends.local import orders
from gc3libs.backends.local.supervisor.words import memory

_RUNNER = os.path.abspath(_runner.__file__)  # noqa: PTH100
_MOST_INLINE = 1 << 15  # bytes of a call's files that travel with it
_NO_LIMIT = Capacity(cores=1 << 62, memory=1 << 62, window=0)


class Size(NamedTuple):
    """What one job occupies of one worker: slots, and bytes of memory."""

    slots: int
    memory: int


class Packed(NamedTuple):
    """A job that is ready to be handed over.

    Attributes:
        token, size: Its own.
        streams: Where its output goes, as agents say it.
        outcome: Name of the file that a call leaves; `""` if it is none.
        body: What the agent takes, but for the index.
    """

    token: str
    size: Size
    streams: str
    outcome: str
    body: tuple[Any, ...]


def check(job: JobSpec, largest: Size, where: str) -> None:
    """Find what makes a job impossible.

    Args:
        largest: The most that one worker offers; 0: not known.
        where: Names the resource.

    Raises:
        JobRefused: This does.
    """
    orders.check(job, _NO_LIMIT)
    if largest.slots and job.cores > largest.slots:
        has = f"the largest worker of {where} has {largest.slots}"
        raise JobRefused(job.token, f"needs {job.cores} cores; {has}")
    if largest.memory and (job.memory or 0) > largest.memory:
        has = f"the largest worker of {where} has {memory(largest.memory)}"
        raise JobRefused(job.token, f"needs {memory(job.memory or 0)} of memory; {has}")
    if job.nodes > 1:
        raise JobRefused(job.token, f"needs {job.nodes} nodes; {where} gives a job one worker")
    if job.gpus:
        raise JobRefused(job.token, f"needs {job.gpus} GPUs; {where} hands out none")


def pack(job: JobSpec, workdir: Path) -> Packed:
    """Make a job ready; inputs that do not travel with it are put into its directory.

    Raises:
        JobRefused: An input is missing.
        RecoverableError: There is no room for them at the moment.
    """
    size = Size(job.cores, job.memory or 0)
    if not _is_call(job):
        directory = None
        if job.inputs or job.files or job.stdin is not None:
            directory = f"{layout.JOBS}/{job.token}"
            _stage(job, workdir / directory)
        order = orders.order(job, directory)
        return Packed(job.token, size, order[-1], "", (order, {}, False))
    inline = sum(len(content) for _, content in job.files) <= _MOST_INLINE
    directory = None if inline else f"{layout.JOBS}/{job.token}"
    if directory is not None:
        _stage(job, workdir / directory)
    order = orders.order(job, directory)
    call = (order[0], order[1][3:], *order[2:])
    files = dict(job.files) if inline else {}
    return Packed(job.token, size, order[-1], job.argv[-1], (call, files, True))


def _is_call(job: JobSpec) -> bool:
    """Whether this is a call of a Python function, made by the runner."""
    is_runner = job.argv[1:3] == ("-P", _RUNNER) and len(job.argv) == 5
    is_plain = not job.inputs and job.stdin is None
    return is_runner and is_plain and not any(name.startswith("PYTHON") for name in job.environment)


def _stage(job: JobSpec, directory: Path) -> None:
    try:
        staging.stage(job, directory)
    except FileExistsError:  # of an attempt to submit it that was cut off
        staging.remove(directory)
        staging.stage(job, directory)


def unpack(packed: Iterable[Packed], workdir: Path) -> None:
    """Remove what was put into the directories of jobs that are not handed over."""
    for each in packed:
        order = each.body[0]
        if order[3] is not None:
            staging.remove(workdir / order[3])


def in_chunks(packed: Sequence[Packed], slots: int, most: int) -> list[list[int]]:
    """Indices of jobs, in chunks of equal size that keep so many slots busy.

    Args:
        most: Jobs in a chunk.
    """
    chunks: list[list[int]] = []
    for size in dict.fromkeys(each.size for each in packed):
        indices = [index for index, each in enumerate(packed) if each.size == size]
        length = max(1, min(most, math.ceil(len(indices) / max(1, slots))))
        chunks += [indices[at : at + length] for at in range(0, len(indices), length)]
    return chunks
