"""Why tasks failed, and what they have written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gc3libs.backends.streams import last_line
from gc3libs.cmdline._run_directory import run_of
from gc3libs.exceptions import LoadError
from gc3libs.model import RunDetails, decode_details
from gc3libs.persistence import Record, Summary

if TYPE_CHECKING:
    from gc3libs.session import Session

STREAMS: Final = ("stdout", "stderr")
_USUAL: Final = {
    "stdout": ("stdout.txt", "stdout", "stdout.log", "output.txt", "out.txt", "o.txt"),
    "stderr": ("stderr.txt", "stderr", "stderr.log", "error.txt", "err.txt", "e.txt"),
}
"""Names of streams that are tried where the class of the task is not at hand."""


def reasons(session: Session, summaries: Iterable[Summary]) -> Iterator[tuple[Summary, str]]:
    """Failed tasks, each with the reason in one line; empty if there is none to be found."""
    batch: list[Summary] = []
    for summary in summaries:
        batch.append(summary)
        if len(batch) == 200:
            yield from _reasons(session, batch)
            batch = []
    yield from _reasons(session, batch)


def _reasons(session: Session, batch: list[Summary]) -> Iterator[tuple[Summary, str]]:
    records = session.store.records([summary.id for summary in batch])
    names = stream_names(session, [s.id for s in batch], "stderr")
    for summary in batch:
        record = records.get(summary.id)
        if record is None:
            yield summary, "its record cannot be read"
        else:
            yield summary, reason(session, record, names.get(summary.id))


def reason(session: Session, record: Record, stderr_name: str | None) -> str:
    """Why a task failed, in one line: what is known of it, or the last line of its stderr."""
    details = decode_details(record.details)
    if details.error is not None:
        return f"{details.error.type}: {details.error.message}".strip().partition("\n")[0]
    if details.reason:
        return details.reason
    path = stream(session, record, "stderr", stderr_name, details)
    line = last_line(path) if path is not None else ""
    return line or (f"no {', '.join(details.missing)}" if details.missing else "")


def stream_names(session: Session, ids: Iterable[str], which: str) -> dict[str, str]:
    """How tasks call the file of their stream, as far as their classes are at hand."""
    errors: dict[str, LoadError] = {}
    found: dict[str, Any] = session.store.load_many(ids, errors)
    names = {}
    for id_, task in found.items():
        if not task._leaf:  # it writes nothing, and may own what cannot be loaded
            continue
        joined = which == "stderr" and getattr(task, "join", False)
        name = getattr(task, "stdout" if joined else which, None)
        if isinstance(name, str):
            names[id_] = name
    return names


def stream(
    session: Session, record: Record, which: str, name: str | None, details: RunDetails
) -> Path | None:
    """The file that has what a task has written to a stream; None if there is none.

    Args:
        name: How the task calls it, if that is known.
    """
    names = [os.path.normpath(name)] if name is not None else list(_USUAL[which])
    run = run_of(session.run_directory, details.resource)
    places = list(output_places(session, details))
    if details.token:
        places.insert(0, run / "jobs" / details.token)
    if details.directory:
        places.insert(0, Path(details.directory))
    for place in places:
        for each in names:
            if _is_file(place / each):
                return place / each
    log = run / "logs" / f"{details.token}.{'err' if which == 'stderr' else 'out'}"
    return log if details.token and _is_file(log) else None


def _is_file(path: Path) -> bool:
    """Whether there is a file; not if nobody may look."""
    return os.path.isfile(path)  # noqa: PTH113  # that of pathlib raises an error then


def output_places(session: Session, details: RunDetails) -> Iterator[Path]:
    """Where a task's outputs were put: relative to the session first, since that may have moved."""
    if details.output_relative:
        yield Path(os.path.normpath(Path(session.path) / details.output_relative))
    if details.output_path:
        yield Path(details.output_path)
