"""What is in a session: its index file, the store's mirror of that, and how both change."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from gc3libs._interruption import uninterrupted
from gc3libs.exceptions import (
    InvalidOperation,
    ObjectNotFound,
    StoreError,
)
from gc3libs.persistence import Persistable, Store
from gc3libs.persistence.saving import known_id
from gc3libs.session._copies import discard_run, original_of, part_from
from gc3libs.session._family import doomed
from gc3libs.session._index import Index
from gc3libs.session._listing import Listing
from gc3libs.session._mirror import Claimed, Mirror, existing, is_id
from gc3libs.session._order import put_back
from gc3libs.session._origin import (
    Origin,
    new_uuid,
    read_origin,
    this_host,
    write_origin,
)
from gc3libs.session._place import Place
from gc3libs.session._window import in_memory

logger = logging.getLogger(__name__)


class Register:
    """The tasks of a session, by ID.

    Records reach the store before the index names them, and the index forgets them before they are
    removed from the store, so that whatever the index names can be loaded, whenever a process was
    killed.

    Args:
        origin: Says which session this is.
        known: It comes from the session's file `created`.
        own_store: Nobody else uses this store object.
        whole_store: All of the store is the session's, whatever other sessions say.

    Attributes:
        listing: The IDs of the top-level tasks.
        ended: The session is none any more.
        gone: Nor is anything left of it.
    """

    def __init__(
        self,
        place: Place,
        store: Store,
        origin: Origin,
        *,
        known: bool,
        own_store: bool,
        whole_store: bool = False,
    ) -> None:
        self.place = place
        self.store = store
        self.origin = origin
        self.listing = Listing(Index(place.index, self._known_length))
        self._index = self.listing.index
        self._signature = self._sign() if known else None
        self._take(origin)
        self._own_store = own_store
        self._whole_store = whole_store
        if own_store:
            store.home = str(place.path)
        self.ended = self.gone = False

    def _take(self, origin: Origin) -> None:
        self.origin = origin
        self._original = original_of(origin, self.place.path)
        self._settled = (
            self._signature is not None
            and self._original is None
            and origin.path == str(self.place.path)
        )

    def _sign(self) -> tuple[int, int] | None:
        """What changes when the session's file `created` does."""
        try:
            found = self.place.created.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_ctime_ns

    @property
    def uuid(self) -> str:
        """Names the session."""
        return self.origin.uuid

    def close(self) -> None:
        """Let go of the store, unless it is somebody else's, too; what was saved is safe then."""
        if self._own_store:
            self.store.close()
        else:
            self.store.flush()

    @property
    def _claims(self) -> bool:
        """The store's records bear this session's UUID."""
        return not self.origin.shares and not self._whole_store

    def mirror(self) -> Mirror | None:
        """The store's mirror of the index, if it keeps one; in step or not."""
        if not self.store.mirrors_sessions or not self._claims:
            return None
        return Mirror(self.store, self.uuid, self._index)

    def mirror_in_step(self) -> Mirror | None:
        """The same, in step with the index. Needs the lock."""
        mirror = self.mirror()
        try:
            if mirror is not None:
                mirror.catch_up()
        except Claimed:
            self._write_origin(replace(self.origin, shares=True))
            return None
        return mirror

    def _known_length(self, fingerprint: str) -> int | None:
        mirror = self.mirror()
        try:
            return None if mirror is None else mirror.length(fingerprint)
        except StoreError as err:
            logger.debug("%s: counting the lines of its index: %s", self.place.path, err)
            return None

    @property
    def is_copy(self) -> bool:
        """It still bears the name of the session that it was copied from."""
        return self._original is not None

    # becoming a session of its own

    def settle(self) -> None:
        """Before anything is changed: be a session of its own, at this place. Needs the lock.

        Raises:
            StoreUnavailable: Something could not be written.
        """
        if self.ended:
            raise InvalidOperation(f"the session {self.place.path} was destroyed")
        self._look_again()
        if self._settled:
            return
        origin = replace(self.origin, host=this_host(), path=str(self.place.path))
        if self._original is not None:
            inside = self.store_is_inside
            if inside:
                part_from(self.store, self._original, self.uuid)
            discard_run(self.place.run)
            origin = replace(
                origin,
                uuid=new_uuid(),
                epoch=0,
                shares=origin.shares or not inside,
                copied_from=str(self._original),
            )
        self._write_origin(origin)
        self._original = None
        self._settled = True

    def _look_again(self) -> None:
        """See what other processes have made of this session.

        Raises:
            InvalidOperation: Another one is in its place.
        """
        signature = self._sign()
        if signature != self._signature:
            found = read_origin(self.place.created)
            if found is not None and self._is_another(found):
                raise InvalidOperation(
                    f"the session {self.place.path} was destroyed, and another one is in its place:"
                    " open that"
                )
            self._signature = signature
            self._take(found or self.origin)

    def _is_another(self, found: Origin) -> bool:
        """Whether this is no more the session that was opened; a copy gets its own name once."""
        was_known = self._signature is not None and self._original is None
        return was_known and found.uuid != self.uuid

    @property
    def store_is_inside(self) -> bool:
        """The store lies in the session's directory."""
        path: Path | None = getattr(self.store, "path", None)
        return path is not None and self.place.contains(path)

    def _write_origin(self, origin: Origin) -> None:
        made = self.place.created.stat().st_mtime if self.place.created.exists() else None
        write_origin(self.place.created, origin, made)
        self.origin = origin
        self._signature = self._sign()

    def next_epoch(self, former: int) -> int:
        """Count one more lease."""
        with self.place.locked():
            self.settle()
            epoch = max(former, self.origin.epoch) + 1
            self._write_origin(replace(self.origin, epoch=epoch))
        return epoch

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Be the only one who changes the session, and know how its index is at present.

        Ctrl-C waits until store and index say the same.

        Raises:
            StoreUnavailable: Its files may not be written.
            InvalidOperation: The session was destroyed.
        """
        with self.place.locked(), uninterrupted():
            self.settle()
            self._index.refresh()
            yield

    @contextlib.contextmanager
    def ending(self) -> Iterator[bool]:
        """Be the only one who changes the session, which is to go; tells whether its store stays.

        If it does not, nothing is written, so that this works on a full disk.

        Raises:
            StoreUnavailable: Its files may not be written.
        """
        with self.place.locked(), uninterrupted():
            self._look_again()
            stays = not self.store_is_inside or not self.origin.made_store
            if stays:
                self.settle()
            self._index.refresh()
            yield stays

    def members(self, objects: Iterable[Persistable]) -> list[Persistable]:
        """Those of these objects that are tasks of the session, or belong to one."""
        objects = list(objects)
        ours = [each for each in objects if self._is_member(each)]
        others = {id(each) for each in objects} - {id(each) for each in ours}
        if others:
            top = [each for each in self.store.in_use() if self._is_member(each)]
            family = {id(each) for each in in_memory(top)} & others
            ours += [each for each in objects if id(each) in family]
        return ours

    def _is_member(self, obj: Persistable) -> bool:
        saved = obj._saved
        if saved is not None and saved.session == self.uuid:
            return True
        return obj.persistent_id in self.listing

    # adding

    def add(
        self, tasks: Sequence[Persistable], *, flush: bool = True, durable: bool = True
    ) -> list[str]:
        """Save tasks and have them in the session, all or none; gives their IDs.

        Args:
            flush: In the index file, too.
            durable: Then, a power failure loses none of them.
        """
        unique = list({id(task): task for task in tasks}.values())
        with self.changing():
            if not flush:
                self._save(unique)
                ids = [known_id(task) for task in unique]
                self.listing.note_added(
                    [id_ for id_ in ids if id_ not in self.listing], written=False
                )
            else:
                self._write_pending()
                if all(task.persistent_id is None for task in unique):
                    self._add_new(unique, durable)
                else:
                    self._save(unique)
                    self._enter([known_id(task) for task in unique], durable)
        return [known_id(task) for task in tasks]

    def _add_new(self, tasks: Sequence[Persistable], durable: bool) -> None:
        """The usual case: one transaction, and one line each in the index."""
        mirror = self.mirror_in_step()
        if mirror is None:
            session = self.uuid if self._claims else ""
            ids = self.store.save_many(tasks, session=session, durable=durable)
        else:
            ids = self.store.save_many(
                tasks,
                session=self.uuid,
                position=mirror.place,
                stamp=mirror.stamp_with,
                durable=durable,
            )
        try:
            self._index.append(ids, durable=durable)
        except BaseException:
            self._take_back(ids)
            raise
        self.listing.note_added(ids, written=True)

    def _take_back(self, ids: Sequence[str]) -> None:
        """Remove what was saved a moment ago and cannot be listed."""
        try:
            self.store.remove_many(ids)
        except StoreError as err:
            logger.warning(
                "%s: %d tasks are in its store, from %s on, and not in its index: %s",
                self.place.path,
                len(ids),
                ids[0],
                err,
            )

    def _save(self, tasks: Iterable[Persistable]) -> None:
        """Save those that are new or have changed, each in the store that it is kept in."""
        own = []
        for task in tasks:
            saved = task._saved
            if saved is None or saved.store is self.store:
                if self.store.differs(task):
                    own.append(task)
            elif not self.store.is_same(saved.store):
                own.append(task)
            elif saved.store.differs(task):
                saved.store.save(task)
        if own:
            self.store.save_many(own)

    def enter(self, ids: Sequence[str], *, flush: bool) -> None:
        """Have objects of the store in the session."""
        with self.changing():
            if not flush:
                new = [id_ for id_ in ids if id_ not in self.listing]
                self.listing.note_added(new, written=False)
            else:
                self._write_pending()
                self._enter(ids, durable=True)

    def put_back(self, ids: Sequence[str], after: Mapping[str, str]) -> None:
        """Have objects of the store in the session, each behind the one that it shall follow."""
        with self.changing():
            self._write_pending()
            self._enter(ids, durable=True)
            arranged = put_back(self._index, after)
            self._index.replace("".join(f"{id_}\n" for id_ in arranged).encode("ascii"))
            self.mirror_in_step()

    def _enter(self, ids: Sequence[str], durable: bool) -> None:
        new = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._index]
        if new:
            self._note_sharing(new)
            mirror = self.mirror_in_step()
            if mirror is not None:
                self.store.enrol(new, mirror.place, mirror.stamp_with(new))
        if durable:
            self.store.flush()
        if new:
            self._index.append(new, durable=durable)
        self.listing.note_added(ids, written=True)

    def _note_sharing(self, ids: Sequence[str]) -> None:
        """Records of another session stay its own: this one has to list them by itself."""
        known = existing(self.store, ids)
        for id_ in ids:
            if id_ not in known:
                raise ObjectNotFound(id_, self.store.url)
        if self._claims and any(known[id_] not in ("", self.uuid) for id_ in ids):
            self._write_origin(replace(self.origin, shares=True))

    # writing what is pending

    def flush(self) -> None:
        """Write what was added and removed in memory only; then all is safe from power failures."""
        if self.listing.whole:
            self.store.flush()
            return
        with self.changing():
            self._write_pending()
            self.store.flush()

    def _write_pending(self) -> None:
        removed = [id_ for id_ in self.listing.removed if id_ in self._index]
        if removed:
            self._leave(removed)
        self.listing.removed.clear()
        if self.listing.added:
            self._enter(list(self.listing.added), durable=True)

    # removing

    def remove(self, ids: Sequence[str], *, flush: bool) -> None:
        """Take tasks out of the session and, with all that goes with them, out of the store."""
        with self.changing():
            self._check_listed(ids)
            family = self._own(doomed(self.store, ids, self.listing))
            if not flush:
                self.store.remove_many(family)
                self.listing.note_removed(ids, written=False)
                return
            self._write_pending()
            mirror = self.mirror_in_step()
            before = self._index.content
            self._index.remove(ids)
            try:
                stamp = mirror.stamp() if mirror is not None else None
                self.store.remove_many(family, stamp=stamp, durable=True)
            except BaseException:
                self._restore(before, ids)
                raise
            self.listing.note_removed(ids, written=True)

    def _restore(self, content: bytes, ids: Sequence[str]) -> None:
        """Have the index as it was, without those of these IDs that were removed all the same."""
        try:
            there = frozenset(self.store.list())
        except StoreError as err:
            logger.warning("%s: cannot see what was removed: %s", self.place.path, err)
            there = frozenset(ids)
        gone = {b"%s\n" % id_.encode("ascii", "surrogateescape") for id_ in ids if id_ not in there}
        self._index.replace(b"".join(x for x in content.splitlines(True) if x not in gone))

    def _own(self, ids: list[str]) -> list[str]:
        """Without records that another session claims."""
        if not self.origin.shares:
            return [id_ for id_ in ids if is_id(id_)]
        known = existing(self.store, ids)
        return [id_ for id_ in ids if known.get(id_) in ("", self.uuid)]

    def forget(self, ids: Sequence[str], *, flush: bool) -> None:
        """Take tasks out of the session only."""
        with self.changing():
            self._check_listed(ids)
            if flush:
                self._write_pending()
                self._leave(ids)
            self.listing.note_removed(ids, written=flush)

    def _leave(self, ids: Sequence[str]) -> None:
        mirror = self.mirror_in_step()
        if mirror is None:
            self._index.remove(ids)
            return
        family = [id_ for id_ in doomed(self.store, ids, self._index) if is_id(id_)]
        self._index.remove(ids)
        self.store.withdraw(family, mirror.stamp())

    def _check_listed(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            if id_ not in self.listing:
                raise ObjectNotFound(id_, f"the session {self.place.path}")
