"""Having tasks done again that are over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gc3libs._clock import SYSTEM
from gc3libs.cmdline import _amend as amend
from gc3libs.cmdline._desk import Desk, Outcome
from gc3libs.cmdline._requests import Request
from gc3libs.exceptions import InvalidValue, LoadError
from gc3libs.model.job import Job
from gc3libs.persistence import Record, Summary
from gc3libs.quantity import Duration, Memory


def retry(desk: Desk, request: Request) -> Outcome:
    outcome = Outcome()
    records = desk.records(
        _leaves(desk, request.ids), outcome, lambda summary: _objection(desk, summary)
    )
    asks = bool(request.memory or request.walltime)
    tasks = _asking_for_more(desk, records, request, outcome) if asks else []
    if asks:
        records = [record for record in records if record.id not in outcome.left]
    owners = owners_to_wake(desk, records)
    now = SYSTEM.now()
    desk.note("retry", [*records, *owners], payloads=asks, steps=2 if asks else 1)
    if tasks:
        desk.store.save_many(tasks, guard=desk.guard)
        saved = desk.store.records([record.id for record in records])
        records = [saved[record.id] for record in records]
    desk.rewrite([amend.retried(record, now) for record in records])
    desk.rewrite([amend.resumed(record, now) for record in owners])
    outcome.done = [record.id for record in records]
    if desk.engine is not None:
        ids = [record.id for record in (*records, *owners)]
        desk.engine.feed([id_ for id_ in ids if id_ in desk.session])
    return outcome


def _objection(desk: Desk, summary: Summary) -> str:
    if summary.state != "TERMINATED":
        return "it is not over"
    if desk.engine is not None and summary.id not in desk.session:
        return "it belongs to a collection that is being run: stop the run first"
    return ""


def _leaves(desk: Desk, ids: Iterable[str]) -> list[str]:
    """Of a collection, the tasks in it that have failed; others as they are."""
    found: dict[str, None] = {}
    level = list(ids)
    while level:
        owned = desk.store.children_of(level)
        found.update(dict.fromkeys(id_ for id_ in level if id_ not in owned))
        level = [id_ for children in owned.values() for id_ in children]
        if level:
            summaries = desk.store.records(level)
            level = [
                id_
                for id_ in level
                if id_ not in summaries
                or not summaries[id_].summary.leaf
                or summaries[id_].summary.failed
            ]
    return list(found)


def owners_to_wake(desk: Desk, records: Sequence[Record]) -> list[Record]:
    """Collections, at whatever level, that are over and own some of these."""
    found: dict[str, Record] = {}
    level = [record.id for record in records]
    while level:
        owners = {owner for each in desk.store.owners_of(level).values() for owner in each}
        records_ = desk.store.records(owners - found.keys())
        found.update(records_)
        level = list(records_)
    return [record for record in found.values() if record.summary.state == "TERMINATED"]


def _asking_for_more(
    desk: Desk, records: Sequence[Record], request: Request, outcome: Outcome
) -> list[Any]:
    """The tasks as objects, with what they ask for changed; not saved yet."""
    errors: dict[str, LoadError] = {}
    found = desk.store.load_many([record.id for record in records], errors)
    for id_ in errors:
        outcome.left[id_] = "its class is in a script: name that with --script FILE"
    tasks = []
    for id_, task in found.items():
        reason = _ask(task, request)
        if reason:
            outcome.left[id_] = reason
        else:
            tasks.append(task)
    return tasks


def _ask(task: Any, request: Request) -> str:
    """Change what a task asks for; why that is not possible, if it is not."""
    if not isinstance(task, Job):
        return "it is no job: it asks for nothing"
    for name, text, kind in (
        ("memory", request.memory, Memory),
        ("walltime", request.walltime, Duration),
    ):
        if text:
            before = getattr(task, f"requested_{name}")
            factor = factor_of(text)
            if factor is not None and before is None:
                return f"it asks for no {name}: say how much"
            after = kind(text) if factor is None else before * factor
            setattr(task, f"requested_{name}", after)
    return ""


def factor_of(text: str) -> float | None:
    """The factor that a text such as `x2` means; None if it is something else.

    >>> factor_of("x2"), factor_of("x1.5"), factor_of("4GB")
    (2.0, 1.5, None)

    Raises:
        InvalidValue: It is no factor above 0.
    """
    if not text.startswith("x"):
        return None
    try:
        factor = float(text[1:])
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise InvalidValue(f"{text!r} is no factor: write x2, x1.5, ...")
    return factor
