"""What was changed by commands, kept so that it can be taken back.

One file a change, in the directory `undo` of the session: which tasks, and how their records were.
It is written before the change is made, and says how many revisions the change is. So it does not
matter where a change was cut off: what has the old revision was not changed, what has a later one
than the change leads to has gone on since, and both are left alone.

Removed tasks wait in the store, out of the session, until the file that remembers them goes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from gc3libs._atomic import write_file
from gc3libs.exceptions import DamagedStore, NewerFormat, StoreUnavailable
from gc3libs.persistence import Record, Store

FORMAT: Final = 1


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change that a command has made.

    Attributes:
        verb: The command.
        time: UTC, seconds since the epoch.
        records: How the tasks were. A record without payload: that did not change.
        removed: IDs of tasks that were taken out of the session, and wait in the store.
        after: The ID that stood before each of these; "" if none did.
        waiting: How many bytes of them are in the store.
        ended: IDs of tasks whose jobs were ended.
        steps: How many revisions the change is for a record, at most.
    """

    format: int = FORMAT
    verb: str
    time: float
    steps: int = 1
    records: list[Record] = []
    removed: list[str] = []
    after: dict[str, str] = {}
    waiting: int = 0
    ended: list[str] = []

    @property
    def count(self) -> int:
        """How many tasks it was about."""
        return len(self.records) + len(self.removed) + len(self.ended)


class Log:
    """The changes of one session, the last one first to be taken back.

    Args:
        session: Path of its directory.
    """

    def __init__(self, session: str) -> None:
        self._directory = Path(session) / "undo"

    def files(self) -> list[Path]:
        """The changes, the oldest first."""
        return sorted(self._directory.glob("*.change"))

    def write(self, change: Change) -> Path:
        """Keep a change that is about to be made, safe from a power failure.

        Raises:
            StoreUnavailable: It cannot be written.
        """
        known = self.files()
        number = int(known[-1].stem) + 1 if known else 1
        path = self._directory / f"{number:08d}.change"
        try:
            self._directory.mkdir(exist_ok=True)
            write_file(path, msgspec.msgpack.encode(change))
        except OSError as err:
            raise StoreUnavailable(f"cannot write {path}: {err.strerror}") from err
        return path

    def read(self, path: Path) -> Change:
        """A change that was kept.

        Raises:
            DamagedStore: It cannot be read.
            NewerFormat: A later version wrote it.
        """
        try:
            data = path.read_bytes()
            found = msgspec.msgpack.decode(data, type=_Head)
            if found.format > FORMAT:
                raise NewerFormat(str(path), found.format, FORMAT)
            return msgspec.msgpack.decode(data, type=Change)
        except OSError as err:
            raise StoreUnavailable(f"cannot read {path}: {err.strerror}") from err
        except msgspec.DecodeError as err:
            raise DamagedStore(str(path), str(err)) from err

    def drop(self, path: Path) -> None:
        """Forget a change."""
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._directory.rmdir()

    def expired(self, oldest: float, most: int) -> list[Path]:
        """Changes that are kept no longer; never the last one.

        Args:
            oldest: Of a change that is kept; UTC, seconds since the epoch.
            most: Bytes that changes, and what they have taken out of the session, take together.
        """
        size, late = 0, []
        for place, path in enumerate(reversed(self.files())):
            facts = path.stat()
            size += facts.st_size + _waiting(path)
            if place and (size > most or facts.st_mtime < oldest):
                late.append(path)
        return late


class _Head(msgspec.Struct):
    format: int = FORMAT
    waiting: int = 0


def _waiting(path: Path) -> int:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=_Head).waiting
    except (OSError, msgspec.DecodeError):
        return 0


def remembered(records: Sequence[Record], *, payloads: bool = False) -> list[Record]:
    """Records as a change keeps them.

    Args:
        payloads: They will change, too.
    """
    return [
        replace(record, payload=record.payload if payloads else b"", children=None, extra={})
        for record in records
    ]


def restorable(store: Store, change: Change) -> list[Record]:
    """Records as they were before a change, for those that nobody has written since."""
    before = {record.id: record for record in change.records}
    current = store.records(before)
    return [
        replace(
            record,
            summary=replace(
                before[id_].summary,
                session=record.summary.session,
                position=record.summary.position,
            ),
            details=before[id_].details,
            payload=before[id_].payload or record.payload,
        )
        for id_, record in current.items()
        if 0 < record.revision - before[id_].revision <= change.steps
    ]
