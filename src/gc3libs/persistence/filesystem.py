"""A store in files, one an object."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote_from_bytes

from msgspec.structs import replace

from gc3libs import _atomic
from gc3libs.exceptions import (
    Conflict,
    InvalidOperation,
    LeaseLost,
    LoadError,
    ObjectNotFound,
    StoreUnavailable,
)
from gc3libs.persistence import frame
from gc3libs.persistence import query as queries
from gc3libs.persistence.columns import is_storable, storable_summary
from gc3libs.persistence.commits import Commits
from gc3libs.persistence.frame import Damaged
from gc3libs.persistence.places import (
    File,
    Place,
    blob_name,
    blob_owner,
    blob_place,
    bucket_of,
    children_place,
    epoch_name,
    record_place,
)
from gc3libs.persistence.record import (
    Guard,
    Query,
    Record,
    Stamp,
    StateCount,
    Summary,
    split_id,
)
from gc3libs.persistence.relations import Relations, note_removed
from gc3libs.persistence.store import Store
from gc3libs.persistence.tree import (
    COMMIT,
    NotAFile,
    Tree,
    buckets,
    highest_number,
    ids_in,
)

logger = logging.getLogger(__name__)


class FilesystemStore(Store):
    """Keeps objects in the files of a directory, which is made at the first save.

    A saved object outlives a killed process at once, a power failure after `flush`. Several threads
    and processes, also on other hosts that share the directory, may use it, as far as its
    filesystem keeps locks. Listings read the beginning of each record's file.

    Args:
        directory: Where the files are.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = Path(directory).absolute()
        """The directory."""
        self.url = f"file://{quote_from_bytes(os.fsencode(self.path))}"
        self._mutex = threading.RLock()
        self._pid = os.getpid()
        self._checked_numbers = False
        self._reserved: list[range] = []
        self._commits = Commits(self.url)
        self._relations = Relations()
        self._disposed = False
        self._check_access()

    def _check_access(self) -> None:
        existing = self.path
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        if not existing.is_dir():
            raise StoreUnavailable(f"cannot make {self.path}: {existing} is no directory")
        if existing == self.path:
            with self._reading() as tree:
                tree.check_format()
                interrupted = tree.exists(COMMIT)
            if interrupted:
                with contextlib.suppress(StoreUnavailable), self._writing():
                    pass  # what was loaded before that would be out of date at once
        elif not os.access(existing, os.W_OK | os.X_OK):
            raise StoreUnavailable(f"cannot make {self.path}: {existing} may not be written")

    # operations

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Tree]:
        """The directories, empty if they are not made yet; errors in our words."""
        if self._disposed:
            raise InvalidOperation(f"{self.url} is closed")
        try:
            with Tree(self.path) as tree:
                yield tree
        except OSError as err:
            raise self._unavailable(err) from err

    def _unavailable(self, err: OSError) -> StoreUnavailable:
        where = err.filename if isinstance(err.filename, str) else ""
        return StoreUnavailable(f"{self.path / where}: {err.strerror or err}")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[Tree, int]]:
        """The directories, made if need be, locked and tidy, and the state file's descriptor."""
        if self._disposed:
            raise InvalidOperation(f"{self.url} is closed")
        if self._pid != os.getpid():
            self._mutex = threading.RLock()
            self._pid, self._reserved = os.getpid(), []
            self._commits.forget()
        with self._mutex:
            try:
                self._make_directory()
                with Tree(self.path) as tree, tree.locked() as state:
                    tree.next_number(state)  # refuses a newer format
                    self._commits.begin(tree, state)
                    yield tree, state
            except OSError as err:
                raise self._unavailable(err) from err

    def _make_directory(self) -> None:
        missing = []
        above = self.path
        while not above.exists():
            missing.append(above)
            above = above.parent
        if missing:
            self.path.mkdir(parents=True, exist_ok=True)
            for each in missing:
                _atomic.sync_directory(each.parent)

    # records

    def _reserve(self, count: int) -> int:
        with self._writing() as (tree, state):
            first = tree.next_number(state)
            if first is None or not self._checked_numbers:
                first = max(first or 1, highest_number(tree) + 1)
                self._checked_numbers = True
            tree.set_next_number(state, first + count)
        if self._reserved and self._reserved[-1].stop == first:
            self._reserved[-1] = range(self._reserved[-1].start, first + count)
        else:
            self._reserved.append(range(first, first + count))
        return first

    def _read(self, ids: Sequence[str]) -> dict[str, Record | LoadError]:
        found: dict[str, Record | LoadError] = {}
        with self._reading() as tree:
            for id_ in _by_number(ids):
                record = self._read_one(tree, id_)
                if record is not None:
                    found[id_] = record
        return found

    def _read_one(self, tree: Tree, id_: str) -> Record | LoadError | None:
        try:
            data = tree.read(record_place(id_))
            if data is None:
                return None
            record = frame.unpack(data)
            if record.id != id_:
                raise Damaged(f"it holds the record of {record.id!r}")
        except (Damaged, NotAFile) as err:
            return self._damaged(id_, record_place(id_), err)
        return record

    def _damaged(self, id_: str, place: Place, err: Damaged | NotAFile) -> LoadError:
        reason = err.strerror if isinstance(err, NotAFile) else str(err)
        return LoadError(id_, str(self.path.joinpath(*place)), str(reason))

    def _write(
        self,
        records: Sequence[Record],
        *,
        guard: Guard | None = None,
        blobs: Mapping[str, bytes] = {},
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        with self._writing() as (tree, _):
            self._check_guard(tree, guard)
            files = [*self._record_files(tree, records), *self._relation_files(tree, records)]
            files += (
                File("blob", blob_name(key), frame.pack_bytes(data)) for key, data in blobs.items()
            )
            self._commits.put(tree, files, durable=durable)

    def _record_files(self, tree: Tree, records: Sequence[Record]) -> list[File]:
        """The records as they will be kept, once each is known to be allowed."""
        files = []
        seen = set()
        for record in records:
            place = record_place(record.id)
            if record.id in seen:
                raise Conflict(record.id, self.url)
            seen.add(record.id)
            if record.revision == 1:
                self._check_new(tree, record.id)
                files.append(File("new", record.id, _packed(record, owned=False)))
            else:
                owned, former = self._former(tree, record, place)
                summary = replace(record.summary, session=former.session, position=former.position)
                changed = replace(record, summary=summary)
                files.append(File("record", record.id, _packed(changed, owned=owned)))
        return files

    def _check_new(self, tree: Tree, id_: str) -> None:
        """No record has this number; those that were given to us here need no look-up."""
        number = split_id(id_)[1]
        if any(number in some for some in reversed(self._reserved)):
            if tree.read(record_place(id_), 1) is None:
                return
        elif not any(name.endswith(f".{number}") for name in tree.names(record_place(id_)[0])):
            return
        raise Conflict(id_, self.url)

    def _former(self, tree: Tree, record: Record, place: Place) -> tuple[bool, Summary]:
        """Of what the record replaces: whether it owned anything, and the summary."""
        try:
            data = tree.read(place, frame.FIRST_READ)
            if data is None:
                raise ObjectNotFound(record.id, self.url)
            header = frame.unpack_header(data)
            again = header.revision == record.revision and self._commits.was_refused(place)
            if header.revision != record.revision - 1 and not again:
                raise Conflict(record.id, self.url)
            return bool(header.owns), self._summary_from(tree, place, data, header)
        except (Damaged, NotAFile) as err:
            raise self._damaged(record.id, place, err) from err

    def _summary_from(self, tree: Tree, place: Place, data: bytes, header: frame.Header) -> Summary:
        end = frame.HEADER_SIZE + header.summary
        if end > len(data) == frame.FIRST_READ:
            data = tree.read(place, end) or b""
        return frame.unpack_summary(data, header)

    def _delete(
        self,
        ids: Sequence[str],
        *,
        guard: Guard | None = None,
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        with self._writing() as (tree, _):
            self._check_guard(tree, guard)
            self._commits.announce(tree, durable=durable)
            note_removed(tree, ids, durable=durable)
            touched = set()
            for id_ in ids:
                for place in (children_place(id_), record_place(id_)):
                    if tree.remove(place):
                        touched.add(place[0])
            for place in _blobs_of(tree, ids):
                tree.remove(place)
                touched.add(place[0])
            if durable:
                tree.sync_places(touched)

    def _ids(self) -> Iterator[str]:
        with self._reading() as tree:
            names = buckets(tree)
        for name in names:
            with self._reading() as tree:
                ids = ids_in(tree, name)
            yield from ids

    # relations and blobs

    def _relation_files(self, tree: Tree, records: Sequence[Record]) -> Iterator[File]:
        for record in records:
            if record.children is not None:
                id_, start = record.id, record.children_from
                try:
                    yield self._relations.change(tree, id_, start, record.children)
                except (Damaged, NotAFile) as err:
                    raise self._damaged(id_, children_place(id_), err) from err

    def _children(self, tree: Tree, id_: str) -> list[str]:
        try:
            return self._relations.children(tree, id_)
        except (Damaged, NotAFile) as err:
            raise self._damaged(id_, children_place(id_), err) from err

    def _read_children(self, ids: Sequence[str]) -> dict[str, list[str]]:
        with self._reading() as tree:
            return {id_: owned for id_ in ids if (owned := self._children(tree, id_))}

    def _read_blob(self, key: str) -> bytes | None:
        place = blob_place(key)
        with self._reading() as tree:
            try:
                content = tree.read(place)
                return frame.unpack_bytes(content) if content is not None else None
            except (Damaged, NotAFile) as err:
                raise self._damaged(key, place, err) from err

    # summaries

    def _summaries(self, query: Query) -> Iterator[Summary]:
        ids: Iterable[str] = self._ids() if query.ids is None else _by_number(query.ids)
        return iter(queries.select(self._read_summaries(ids), query))

    def _counts(self, query: Query) -> list[StateCount]:
        return queries.count(self._summaries(query))

    def _read_summaries(self, ids: Iterable[str]) -> Iterator[Summary]:
        with self._reading() as tree:
            for id_ in ids:
                place = record_place(id_)
                try:
                    data = tree.read(place, frame.FIRST_READ)
                    if data is not None:
                        yield self._summary_from(tree, place, data, frame.unpack_header(data))
                except (Damaged, NotAFile) as err:
                    logger.warning("%s", self._damaged(id_, place, err))

    # durability

    def _sync(self) -> None:
        if not self._commits.wrote or self._pid != os.getpid():
            with self._reading() as tree:
                if not tree.exists("") or tree.mark().synced:
                    return
                if not os.access(self.path, os.W_OK):
                    tree.sync_all()
                    return
        with self._writing() as (tree, _):
            self._commits.sync(tree)

    def _dispose(self) -> None:
        if self._commits.wrote and self._pid == os.getpid():
            self._sync()
        self._disposed = True

    # sessions

    def _set_epoch(self, guard: Guard) -> None:
        with self._writing() as (tree, _):
            content = frame.pack_bytes(str(guard.epoch).encode())
            file = File("epoch", epoch_name(guard.session), content)
            self._commits.put(tree, [file], durable=False)

    def _check_guard(self, tree: Tree, guard: Guard | None) -> None:
        if guard is None:
            return
        content = tree.read(("epochs", epoch_name(guard.session)))
        with contextlib.suppress(Damaged):
            if content is not None and frame.unpack_bytes(content) == str(guard.epoch).encode():
                return
        raise LeaseLost(guard.session, self.url)


def _by_number(ids: Iterable[str]) -> list[str]:
    """Each ID once, neighbours in the store together."""
    return sorted(set(ids), key=lambda id_: split_id(id_)[1])


def _packed(record: Record, *, owned: bool) -> bytes:
    if not is_storable(record.summary):
        record = replace(record, summary=storable_summary(record.summary))
    return frame.pack(record, owns=owned or record.children is not None)


def _blobs_of(tree: Tree, ids: Sequence[str]) -> Iterator[Place]:
    """Blobs whose key begins with one of these IDs and a slash."""
    owners = frozenset(ids)
    for bucket in sorted({bucket_of(id_) for id_ in ids}) if tree.exists("blobs") else ():
        directory = f"blobs/{bucket}"
        for name in tree.names(directory):
            if "%2F" in name and blob_owner(name) in owners:
                yield directory, name
