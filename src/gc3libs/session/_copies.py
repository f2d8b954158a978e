"""Copies of sessions: a new name, and what runs in the original stays the original's."""

from __future__ import annotations

import shutil
from pathlib import Path

from msgspec.structs import replace

from gc3libs._clock import SYSTEM
from gc3libs.exceptions import StoreError
from gc3libs.model import Signals, State, decode_details, encode_details
from gc3libs.model.termination import join
from gc3libs.persistence import Query, Record, Store
from gc3libs.persistence.record import Stamp
from gc3libs.session._mirror import chunks
from gc3libs.session._origin import Origin, read_origin

_IN_FLIGHT = tuple(state.value for state in State if state not in (State.NEW, State.TERMINATED))
_BATCH = 500


def original_of(origin: Origin, path: Path) -> Path | None:
    """Where the session lies of which the one at `path` is a copy; None if it is none.

    It is one if the place that it remembers still holds a session of its UUID. Otherwise it was
    moved.
    """
    remembered = Path(origin.path)
    if not origin.path or remembered == path:
        return None
    try:
        if remembered.samefile(path):
            return None
        there = read_origin(remembered / "created")
    except (OSError, StoreError):
        return None
    return remembered if there is not None and there.uuid == origin.uuid else None


def part_from(store: Store, original: Path, uuid: str) -> None:
    """In the copy of a store, end what runs in the original, and forget whose the records were."""
    flying = [each.id for each in store.summaries(Query(leaf=True, states=_IN_FLIGHT))]
    for ids in chunks(flying, _BATCH):
        records = store.records(ids)
        store.rewrite([_ended(record, original) for record in records.values()])
    store.withdraw(None, Stamp(session=uuid, value=""))


def _ended(record: Record, original: Path) -> Record:
    line = f"runs in the session that this is a copy of: {original}"
    details = decode_details(record.details)
    now = SYSTEM.now()
    details.history.append((now, line))
    details.reason = line
    summary = replace(
        record.summary,
        state=State.TERMINATED.value,
        returncode=join(Signals.Lost, -1),
        info=line,
        changed=now,
    )
    return replace(record, summary=summary, details=encode_details(details))


def discard_run(run: Path) -> None:
    """Remove what the original's engine left in the copy."""
    shutil.rmtree(run, ignore_errors=True)
