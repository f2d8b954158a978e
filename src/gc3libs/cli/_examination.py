"""What `gc3 check` looks at in a session, part by part."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from gc3libs._atomic import write_file
from gc3libs.cli._output import plural
from gc3libs.exceptions import Error, InvalidValue, LoadError
from gc3libs.persistence import Query
from gc3libs.persistence.record import split_id

if TYPE_CHECKING:
    from gc3libs.session import Session

_BATCH: Final = 500


class Finding(msgspec.Struct, kw_only=True):
    """Something that is wrong.

    Attributes:
        where: The file, or the task.
        what: What is wrong with it.
        remedy: What `--repair` does about it; empty if nothing can be proved.
        repair: Does it.
    """

    where: str
    what: str
    remedy: str = ""
    repair: Callable[[], None] | None = None


class Examination:
    """Looks at one part of a session after the other.

    Args:
        idle: Nobody else runs it.

    Attributes:
        looked_at: How many tasks.
    """

    def __init__(self, session: Session, *, idle: bool) -> None:
        self._session = session
        self._idle = idle
        self._store = session.store
        self._home = Path(session.path)
        self._lost = self._home / "lost" / time.strftime("%Y-%m-%dT%H-%M-%S")
        self.looked_at = 0

    def findings(self) -> Iterator[Finding]:
        """What is wrong."""
        yield from self._database()
        yield from self._tail()
        yield from self._tasks()
        yield from self._strangers()
        yield from self._lease()
        yield from self._job_directories()
        yield from self._changes()
        yield from self._requests()

    # the store's own file

    def _database(self) -> Iterator[Finding]:
        path: Path | None = getattr(self._store, "path", None)
        if path is None or not path.is_file() or not self._store.url.startswith("sqlite:"):
            return
        url = f"file:{quote(str(path))}?mode=ro"
        try:
            with closing(sqlite3.connect(url, uri=True)) as connection:
                rows = connection.execute("PRAGMA quick_check(10)").fetchall()
        except sqlite3.Error as err:
            yield Finding(where=str(path), what=f"SQLite cannot check it: {err}")
            return
        for (line,) in rows:
            if line != "ok":
                yield Finding(where=str(path), what=f"SQLite says: {line}")

    # the index

    def _tail(self) -> Iterator[Finding]:
        index = self._home / "index.txt"
        content = index.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):

            def repair() -> None:
                self._keep("index-tail.txt", content[end:])
                write_file(index, content[:end])

            yield Finding(
                where=str(index),
                what="its last line is an addition that was cut short",
                remedy="the unfinished line is taken away",
                repair=repair,
            )

    def _tasks(self) -> Iterator[Finding]:
        ids = iter(self._session.tasks)
        dangling: list[str] = []
        while batch := list(islice(ids, _BATCH)):
            self.looked_at += len(batch)
            for id_ in batch:
                if not _is_id(id_):
                    yield Finding(where="index.txt", what=f"{id_!r} is no ID")
            possible = [id_ for id_ in batch if _is_id(id_)]
            found = self._store.records(possible)
            for id_ in possible:
                if id_ not in found:
                    error = self._error(id_)
                    if error is None:
                        dangling.append(id_)
                    else:
                        yield Finding(where=id_, what=error)
                    continue
                yield from self._details(id_, found[id_].details)
            yield from self._children(possible)
        if dangling:
            yield self._dangling(dangling)

    def _error(self, id_: str) -> str | None:
        """What is wrong with a record; None if there is none."""
        try:
            self._store.record(id_)
        except LookupError:
            return None
        except LoadError as err:
            return f"its record is damaged: {err.reason}"
        return "its record can be read now and could not be read before"

    def _details(self, id_: str, encoded: bytes) -> Iterator[Finding]:
        from gc3libs.model import decode_details

        try:
            decode_details(encoded)
        except msgspec.DecodeError as err:
            yield Finding(where=id_, what=f"its details are damaged: {err}")

    def _children(self, ids: list[str]) -> Iterator[Finding]:
        for owner, children in self._store.children_of(ids).items():
            self.looked_at += len(children)
            found = self._store.records(children)
            for id_ in children:
                if id_ not in found:
                    reason = self._error(id_) or "it is not in the store"
                    yield Finding(where=f"{id_} in {owner}", what=reason)
            yield from self._children([id_ for id_ in found if not found[id_].summary.leaf])

    def _dangling(self, ids: list[str]) -> Finding:
        def repair() -> None:
            self._keep("index-without-record.txt", "".join(f"{id_}\n" for id_ in ids).encode())
            for id_ in ids:
                self._session.forget(id_, flush=False)
            self._session.flush()

        some = ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")
        return Finding(
            where="index.txt",
            what=f"it names {plural(len(ids))} that the store does not have: {some}",
            remedy="these lines are taken out of the index",
            repair=repair,
        )

    def _strangers(self) -> Iterator[Finding]:
        """Records that say that they are the session's, where the index does not."""
        if self._store.mirrors_sessions:
            yield from self._unmirrored()
            return
        waiting = self._kept_for_undo()
        strays = [id_ for id_ in self._session.strays() if id_ not in waiting]
        if strays:
            yield Finding(
                where=str(self._home / "index.txt"),
                what=f"{plural(len(strays))} of this session are not in it, such as {strays[0]}",
                remedy="they are put at its end",
                repair=lambda: self._session.enter(strays),
            )

    def _unmirrored(self) -> Iterator[Finding]:
        query = Query(session=self._session.uuid, top=True)
        strangers = [s.id for s in self._store.summaries(query) if s.id not in self._session]
        if strangers:
            yield Finding(
                where=self._store.url,
                what=f"{plural(len(strangers))} of this session are not in its index, such as"
                f" {strangers[0]}",
                remedy="the store's list is made anew from the index",
                repair=lambda: self._session.flush(),
            )

    def _kept_for_undo(self) -> set[str]:
        """IDs of tasks that were removed, and can be brought back."""
        from gc3libs.cmdline._undo import Log

        log = Log(self._session.path)
        kept: set[str] = set()
        for path in log.files():
            with suppress(Error):
                kept.update(log.read(path).removed)
        return kept

    # what an engine has left

    def _lease(self) -> Iterator[Finding]:
        lease = self._home / "run" / "lease"
        if lease.exists() and self._idle and self._session.holder() is None:
            yield Finding(
                where=str(lease),
                what="whoever ran the session was cut off",
                remedy="the lease is given back",
                repair=lambda: lease.unlink(missing_ok=True),
            )

    def _job_directories(self) -> Iterator[Finding]:
        """Directories of jobs of which no task knows any more."""
        jobs = self._home / "run" / "jobs"
        if not self._idle or not jobs.is_dir():
            return
        for directory in sorted(jobs.iterdir()):
            id_ = directory.name.rpartition(".")[0]
            if _is_id(id_) and id_ not in self._store:
                yield Finding(
                    where=str(directory),
                    what="it belongs to no task",
                    remedy="it is put aside",
                    repair=lambda directory=directory: self._put_aside(directory),  # type: ignore[misc]
                )

    # what waits

    def _changes(self) -> Iterator[Finding]:
        from gc3libs.cmdline._undo import Log

        log = Log(self._session.path)
        for path in log.files():
            try:
                log.read(path)
            except Error as err:
                yield Finding(
                    where=str(path),
                    what=f"what could be undone cannot be read: {err}",
                    remedy="it is put aside",
                    repair=lambda path=path: self._put_aside(path),  # type: ignore[misc]
                )

    def _requests(self) -> Iterator[Finding]:
        for path in sorted((self._home / "requests").glob("*.bad")):
            yield Finding(
                where=str(path),
                what="this request could not be read",
                remedy="it is put aside",
                repair=lambda path=path: self._put_aside(path),  # type: ignore[misc]
            )

    # keeping what is taken away

    def _keep(self, name: str, content: bytes) -> None:
        self._lost.mkdir(parents=True, exist_ok=True)
        write_file(self._lost / name, content)

    def _put_aside(self, path: Path) -> None:
        self._lost.mkdir(parents=True, exist_ok=True)
        shutil.move(path, self._lost / path.name)


def _is_id(text: str) -> bool:
    try:
        split_id(text)
    except InvalidValue:
        return False
    return True
