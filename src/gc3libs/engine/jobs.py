"""Between tasks and the plain data of backends."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

from gc3libs.backends.base import Backend, FetchRequest, JobSpec
from gc3libs.backends.local.peeking import read_part
from gc3libs.exceptions import InvalidOperation, LoadError
from gc3libs.model import Job, State, Task
from gc3libs.persistence.store import Store


def make_token(id_: str, attempt: int) -> str:
    """Names one attempt of a task.

    >>> make_token("Application.17", 2)
    'Application.17.2'
    """
    return f"{id_}.{attempt}"


def split_token(token: str) -> tuple[str, int]:
    """ID and attempt of a token; an attempt of 0 if it is none of ours.

    >>> split_token("Application.17.2")
    ('Application.17', 2)
    """
    id_, _, attempt = token.rpartition(".")
    return id_, int(attempt) if attempt.isdecimal() else 0


def job_spec(task: Task, store: Store | None) -> JobSpec:
    """What a backend is to run for the attempt that was started.

    Raises:
        InvalidOperation: The task has nothing to run.
        LoadError: A part of it that is kept in the store is gone.
    """
    if not isinstance(task, Job):
        raise InvalidOperation(f"{task} is a plain {type(task).__name__}: it has nothing to run")
    command = task.job_spec()
    files = list(command.files)
    for key, name in command.shared:
        files.append((name, _content(task, key, store)))
    return JobSpec(
        token=task.execution.details.token,
        argv=command.argv,
        environment=command.environment,
        inputs=command.inputs,
        files=tuple(files),
        executable=command.executable,
        stdin=command.stdin,
        stdout=command.stdout,
        stderr=command.stderr,
        join=command.join,
        capture=command.capture,
        cores=command.cores,
        memory=command.memory,
        memory_limit=command.memory_limit,
        walltime=command.walltime,
        nodes=command.nodes,
        gpus=command.gpus,
        queue=command.queue,
        account=command.account,
        qos=command.qos,
    )


def _content(task: Task, key: str, store: Store | None) -> bytes:
    """Bytes that a task keeps outside its state, saved or not."""
    pending = task._pending_blobs or {}
    for name in (key, key.removeprefix(f"{task.persistent_id}/")):
        if name in pending:
            return pending[name]
    data = None if store is None else store.read_blob(key)
    if data is None:
        where = "memory" if store is None else store.url
        raise LoadError(str(task), where, f"what it is to be given, {key}, is gone")
    return data


def fetch_request(task: Task, token: str, *, overwrite: bool) -> FetchRequest | None:
    """The outputs wanted of a job that has ended; None if there are none."""
    if not task.would_output or not isinstance(task, Job):
        return None
    place = task.output_path
    if place is None:
        return None
    outputs = task.job_spec().outputs
    return FetchRequest(token=token, outputs=outputs, destination=str(place), overwrite=overwrite)


def take_outcome(task: Task, backend: Backend, token: str) -> None:
    """Let a task take over what its job has left for it."""
    task._settle_output_dir()
    if isinstance(task, Job) and type(task).accept_outcome is not Job.accept_outcome:
        name = task.job_spec().outcome
        if name is not None:
            task.accept_outcome(backend.peek(token, name) or None)


def peek(task: Task, backend: Backend, what: str, offset: int, size: int | None) -> IO[str]:
    """A part of what a task's job has written: of its outputs, once they were fetched."""
    details = task.execution.details
    path = _fetched(task, what)
    data = None if path is None else read_part(path, offset, size)
    if data is None:
        data = backend.peek(details.token, what, offset, size)
    return io.StringIO(data.decode(errors="replace"))


def _fetched(task: Task, what: str) -> Path | None:
    """Where an output lies since it was fetched."""
    place = task._outputs()
    name = task.get(what) if what in ("stdout", "stderr") else what
    if what == "stderr" and task.get("join"):
        name = task.get("stdout")
    if place is None or not name or task.execution.state is not State.TERMINATED:
        return None
    for remote, local in task.job_spec().outputs if isinstance(task, Job) else ():
        if remote == name:
            return Path(place, local)
    return Path(place, name)
