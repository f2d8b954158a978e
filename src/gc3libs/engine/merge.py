"""A task that somebody else has written while an engine was moving it."""

from __future__ import annotations

from typing import Any

from gc3libs.model import Signals, State, Task
from gc3libs.persistence.store import Store


def merge(task: Task, store: Store) -> bool:
    """Bring a task up to date with its record: the attributes are theirs, how its run goes is ours.

    Of a collection all stays ours, as its children know it, but what people set. The object stays
    the same one.

    Returns:
        Whether the others have cancelled it.

    Raises:
        ObjectNotFound: It was removed.
        LoadError: The record cannot be read.
    """
    assert task.persistent_id is not None
    if not task._leaf:
        return _overrule(task, store)
    theirs: Any = store.load(task.persistent_id)
    task.__setstate__(theirs.__getstate__())
    task._saved = theirs._saved
    run = theirs.execution
    task.execution.held = run.held
    task.changed = True
    cancelled: bool = run.state is State.TERMINATED and run.signal == Signals.Cancelled
    return cancelled and task.execution.state is not State.TERMINATED


def _overrule(task: Any, store: Store) -> bool:
    record = store.record(task.persistent_id)
    task._saved.revision = record.revision
    task.execution.held = record.summary.held
    task.tags = record.summary.tags
    return False
