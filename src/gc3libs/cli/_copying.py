"""Going through all records of a session, and having them in another store, too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gc3libs.cli._exits import CannotDo

if TYPE_CHECKING:
    from gc3libs.persistence import Record, Store
    from gc3libs.session import Session

_BATCH: Final = 500
_CONTENT: Final = re.compile(rb"sha256/[0-9a-f]{64}")


def copy_records(session: Session, target: Path, url: str) -> None:
    """A new session with the same records, each under its ID."""
    from gc3libs.session import Session

    new = Session(target, store_or_url=url)
    try:
        if next(iter(new.store.summaries()), None) is not None:
            raise CannotDo(
                f"{new.store_url} holds other tasks: add #table=NAME to the URL for a table of its"
                " own"
            )
        for ids in batches(session):
            records = session.store.records(ids)
            _insert(session.store, new.store, [records[id_] for id_ in ids if id_ in records])
        new.enter(list(session.tasks))
    except BaseException:
        new.destroy()
        raise
    finally:
        new.close()


def batches(session: Session) -> Iterator[list[str]]:
    """IDs of all tasks, owners before what they own."""
    seen: set[str] = set()
    level: Sequence[str] = list(session.tasks)
    while level:
        below: dict[str, None] = {}
        for start in range(0, len(level), _BATCH):
            ids = [id_ for id_ in level[start : start + _BATCH] if id_ not in seen]
            seen.update(ids)
            yield ids
            for children in session.store.children_of(ids).values():
                below.update(dict.fromkeys(children))
        level = [id_ for id_ in below if id_ not in seen]


def _insert(source: Store, target: Store, records: Sequence[Record]) -> None:
    from msgspec.structs import replace

    owned = source.children_of([record.id for record in records])
    blobs: dict[str, bytes] = {}
    for record in records:
        keys = [key.decode() for key in _CONTENT.findall(record.payload)]
        keys += [f"{record.id}/arguments", f"{record.id}/result"]
        keys += [f"{record.id}/result.{n}" for n in range(1, record.summary.attempt + 1)]
        for key in keys:
            data = source.read_blob(key)
            if data is not None:
                blobs[key] = data
    target.insert(
        [
            replace(
                record,
                summary=replace(record.summary, session="", position=None),
                children=owned.get(record.id),
            )
            for record in records
        ],
        blobs,
    )
