"""`Session`: a persistent collection of tasks, in a directory."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gc3libs._atomic import open_inside
from gc3libs._clock import SYSTEM, Clock
from gc3libs.exceptions import InvalidArgument, InvalidType, ObjectNotFound, StoreUnavailable
from gc3libs.persistence import Persistable, Query, Store, Summary
from gc3libs.persistence.children import Unavailable
from gc3libs.persistence.record import Totals
from gc3libs.session._adding import Adding, portions
from gc3libs.session._answers import Answers
from gc3libs.session._asking import Counts, question, total_of
from gc3libs.session._destroying import destroy
from gc3libs.session._family import strays
from gc3libs.session._lease import Holder, Lease, holder_of
from gc3libs.session._making import make, open_existing
from gc3libs.session._mirror import existing
from gc3libs.session._place import Place
from gc3libs.session._register import Register
from gc3libs.session._table import to_pandas
from gc3libs.session._tasks import Tasks
from gc3libs.session._window import Window

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)


class Session:
    """A persistent collection of tasks.

    The tasks are kept in a store. Several sessions may share one; each knows which tasks it has.
    All that belongs to a session is in a directory, in which these files are made: `index.txt`
    (the IDs of the tasks, one a line), `store.url` (of the store) and `created` (the command line
    that made the session; its time is the session's).

    >>> import os, tempfile
    >>> tmpdir = os.path.join(tempfile.mkdtemp(), "session")
    >>> session = Session(tmpdir)
    >>> for name in sorted(os.listdir(tmpdir)):
    ...     print(name)
    created
    index.txt
    store.url

    `add` and `remove` change the collection, `len` counts it, iterating gives the tasks one by one,
    in the order in which they were added.

    >>> import gc3libs
    >>> id1 = session.add(gc3libs.Task())
    >>> id2 = session.add(gc3libs.Task())
    >>> len(session)
    2
    >>> for task in session:
    ...     print(type(task))
    <class 'gc3libs.Task'>
    <class 'gc3libs.Task'>
    >>> session.remove(id1)
    >>> len(session)
    1

    `save` and `load` are the store's.

    >>> type(session.store)
    <class 'gc3libs.persistence.filesystem.FilesystemStore'>
    >>> obj = gc3libs.persistence.Persistable()
    >>> oid = session.save(obj)
    >>> obj2 = session.load(oid)
    >>> obj.persistent_id == obj2.persistent_id
    True

    `destroy` removes it all.

    >>> session.destroy()
    >>> os.path.exists(session.path)
    False
    >>> os.rmdir(os.path.dirname(tmpdir))

    Several processes may have a session open: each writes what it has added and removed itself.
    What `add` or `flush` has acknowledged survives a killed process and a power failure. As a
    context manager, a session saves changed tasks and flushes on leaving the block.

    Args:
        path: Of the directory; its last part is the session's name.
        create: Make the session if there is none.
        store_or_url: For a new session: a `Store`, or a URL or path as `make_store` takes; `sqlite`
            and `file` mean a store of that kind inside the directory. By default, files in `jobs`.
            An existing session has its store in `store.url`.
        load: Open an existing session; False: destroy it, and make a new one in its place.
        task_ids: Only these tasks are in the session.
        **extra_args: Go to `make_store`.

    Attributes:
        path: Absolute.
        store: Where the tasks are.
        tasks: The top-level tasks by ID, loaded when they are looked at.

    Raises:
        InvalidArgument: There is no such session, or something else is in the directory.
        ObjectNotFound: One of `task_ids` is not in the store.
        SessionInUse: It was to be destroyed, and somebody else is running it.
        DamagedStore: A part of the session is missing.
        StoreUnavailable: Its files, or the store, cannot be read or made.
    """

    clock: Clock = SYSTEM

    def __init__(
        self,
        path: str | os.PathLike[str],
        create: Any = True,
        store_or_url: Any = None,
        load: bool = True,
        task_ids: Iterable[str] | None = None,
        **extra_args: Any,
    ) -> None:
        if not isinstance(create, bool | int | None):
            store_or_url, create = create, True  # scripts give the URL as the second argument
        place = Place(path)
        exists = place.holds_session()
        if not exists and (not create or (task_ids is not None and place.path.exists())):
            raise InvalidArgument(f"there is no session in {place.path}")
        if exists and not load:
            self._set_up(open_existing(place, store_or_url, extra_args))
            try:
                self.destroy()
            finally:
                self.close()
            exists = False
        open_ = open_existing if exists else make
        self._set_up(open_(place, store_or_url, extra_args))
        if task_ids is not None:
            try:
                self._have_only(list(dict.fromkeys(task_ids)), exists)
            except BaseException:
                self.close()
                raise

    def _set_up(self, register: Register) -> None:
        self._register = register
        self._answers = Answers(register)
        self._lease: Lease | None = None
        self.store: Store = register.store
        self._window = Window(self.store)
        self.tasks = Tasks(self.store, register.listing, self._window, f"session {self.path}")

    def _have_only(self, ids: list[str], opened: bool) -> None:
        known = existing(self.store, ids)
        for id_ in ids:
            if id_ not in known and id_ not in self._register.listing:
                raise ObjectNotFound(id_, self.store.url)
        if opened:
            self._register.listing.restrict(ids)
        else:
            self._register.enter(ids, flush=True)

    # what it is

    @property
    def path(self) -> str:
        """Of its directory, absolute."""
        return str(self._register.place.path)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self._register.place.path.name

    @property
    def uuid(self) -> str:
        """Names the session wherever it is moved; a copy gets another when it is first written."""
        return self._register.uuid

    @property
    def store_url(self) -> str:
        """The URL of the store; never holds a password."""
        return self.store.url

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the command that made the session; none if that is not known."""
        return tuple(self._register.origin.argv)

    @property
    def created(self) -> float:
        """When the session was made; UTC, seconds since the epoch."""
        return _time_of(self._register.place.created)

    @property
    def finished(self) -> float:
        """When the session was finished; -1 as long as it is not."""
        return _time_of(self._register.place.finished)

    def set_start_timestamp(self, time: float | None = None) -> None:
        """Set `created`: to now, if no other time is given."""
        with self._register.changing():
            _set_time(self._register.place.created, time)

    def set_end_timestamp(self, time: float | None = None) -> None:
        """Set `finished`: to now, if no other time is given. The session does not do it itself."""
        with self._register.changing():
            _set_time(self._register.place.finished, time)

    def __repr__(self) -> str:
        return f"<Session {self.path}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._register.gone:
            self.save_all()

    def close(self) -> None:
        """Let go of the store, unless it was given as a `Store`.

        Changes that were not saved are lost.
        """
        self._window.clear()
        if not self._register.gone:
            self._register.close()

    # the tasks

    def __len__(self) -> int:
        return len(self._register.listing)

    def __iter__(self) -> Iterator[Any]:
        return self.tasks.loaded(self._register.listing)

    def __contains__(self, task: object) -> bool:
        id_ = task.persistent_id if isinstance(task, Persistable) else task
        return id_ is not None and id_ in self._register.listing

    def list_ids(self) -> set[str]:
        """IDs of all tasks of the session."""
        return set(self._register.listing)

    def list_names(self) -> set[str]:
        """Names of all tasks of the session, as they were saved last."""
        listed = self._register.listing
        return {each.name for each in self.summaries(tree=True) if each.id in listed}

    def iter_workflow(self) -> Iterator[Any]:
        """All tasks, breadth first: those of the session, then what they own, and so on."""
        seen: set[str | None] = set()
        level: Iterable[Any] = self
        while True:
            owners = []
            for task in level:
                yield task
                owned = task._owned()
                if owned:
                    owners.append(owned)
            if not owners:
                return
            level = self._below(owners, seen)

    def _below(self, owners: list[Sequence[Any]], seen: set[str | None]) -> Iterator[Any]:
        for task in chain.from_iterable(owners):
            if isinstance(task, Unavailable):
                logger.warning("session %s: left out: %r", self.path, task)
            elif task.persistent_id is None or task.persistent_id not in seen:
                seen.add(task.persistent_id)
                if task.persistent_id not in self._register.listing:
                    yield task

    # adding

    def add(self, task: Any, flush: bool = True) -> str:
        """Save a task, have it in the session, and give its ID.

        The same object can be added many times, and gets the same ID; if it was changed meanwhile,
        it is saved again.

        >>> import os, tempfile, gc3libs
        >>> tmpdir = tempfile.mkdtemp()
        >>> session = Session(os.path.join(tmpdir, "session"))
        >>> len(session)
        0
        >>> task = gc3libs.Task()
        >>> tid1 = session.add(task)
        >>> len(session)
        1
        >>> tid2 = session.add(task)
        >>> len(session)
        1
        >>> tid1 == tid2
        True
        >>> session.destroy()
        >>> os.path.exists(session.path)
        False
        >>> os.rmdir(tmpdir)

        Args:
            flush: False: in the store and in memory; `index.txt` names it after `flush()` only.

        Raises:
            SaveError: It cannot be kept; says why.
            StoreUnavailable: The store or the index cannot be written; nothing was added.
        """
        self._check([task])
        id_ = self._register.add([task], flush=flush)[0]
        self._window.keep([task])
        return id_

    def add_many(
        self, tasks: Iterable[Any], new_only: bool = False, flush: bool = True
    ) -> list[str]:
        """Add tasks, of which there may be any number, and give the IDs of those that were added.

        The tasks are taken one after the other and saved in portions. If one cannot be made or
        saved, those before it are added. Changes made to one of them later are saved by `save_all`
        as long as the program holds it.

        Args:
            new_only: Leave out tasks that would do the same work (class, arguments, files,
                parameters: the same `digest`) as one that the session has already.
            flush: As for `add`.

        Raises:
            SaveError: One cannot be kept; says which, and why.
            StoreUnavailable: The store or the index cannot be written.
        """
        adding = Adding(self._register, self._answers, new_only=new_only, flush=flush)
        for portion in portions(tasks):
            self._check(portion)
            adding.add(portion)
        if flush:
            self.flush()
        return adding.ids

    @staticmethod
    def _check(tasks: Iterable[Any]) -> None:
        for task in tasks:
            if not isinstance(task, Persistable):
                raise InvalidType(f"{task!r} cannot be added to a session: it is no task")

    def save(self, obj: Any) -> str:
        """Save an object in the store and give its ID; the session does not have it thereby.

        >>> import os, tempfile, gc3libs
        >>> tmpdir = tempfile.mkdtemp()
        >>> session = Session(os.path.join(tmpdir, "session"))
        >>> oid = session.save(gc3libs.persistence.Persistable())
        >>> 0 == len(session)
        True
        >>> session.destroy()
        >>> os.path.exists(session.path)
        False
        >>> os.rmdir(tmpdir)

        Raises:
            SaveError, Conflict, StoreUnavailable: As `Store.save` does.
        """
        return self.store.save(obj)

    def save_all(self, flush: bool = True) -> None:
        """Save all tasks of the session that were changed, as far as the program holds them.

        Raises:
            SaveError, Conflict, StoreUnavailable: As `Store.save` does; nothing was saved.
        """
        changed = self._register.members(self._window.changed())
        if changed:
            with self._register.changing():
                self.store.save_many(changed)
            self._window.settle()
        if flush:
            self.flush()

    def flush(self) -> None:
        """Write what was added and removed with `flush=False`; then all of it is safe.

        Raises:
            StoreUnavailable: The store or the index cannot be written.
        """
        self._register.flush()

    # loading

    def load(self, obj_id: str, add: bool = True, flush: bool = True) -> Any:
        """Load an object from the store.

        Args:
            add: The session has it from now on.
            flush: As for `add`.

        Raises:
            ObjectNotFound: There is none.
            LoadError: It cannot be loaded; says where it is, and why.
        """
        return self.load_many([obj_id], add, flush)[obj_id]

    def load_many(
        self, obj_ids: Iterable[str], add: bool = True, flush: bool = True
    ) -> dict[str, Any]:
        """Load objects; the same by ID."""
        found = self.store.load_many(obj_ids)
        new = [id_ for id_ in found if add and id_ not in self._register.listing]
        if new:
            self._register.enter(new, flush=flush)
        self._window.keep(list(found.values()))
        return found

    def enter(self, ids: Sequence[str], after: Mapping[str, str] | None = None) -> None:
        """Have objects that the store keeps already in the session; none is loaded.

        Args:
            after: For each, the ID of the task that it shall come after ("": at the beginning).
                Without it they come at the end.

        Raises:
            ObjectNotFound: The store does not have one of them.
            StoreUnavailable: The store or the index cannot be written.
        """
        if after is None:
            self._register.enter(ids, flush=True)
        else:
            self._register.put_back(ids, after)

    def strays(self) -> list[str]:
        """IDs of what is the session's in the store, and not in the session; `enter` takes it in.

        An addition that was cut off by a kill leaves such objects; `forget` does, on some stores.
        """
        return strays(self.store, self.uuid, self._register.listing)

    # removing

    def remove(self, task_id: str, flush: bool = True) -> None:
        """Remove a task from the session and from the store, and what it owns with it.

        What another task owns, too, stays.

        Args:
            flush: False: `index.txt` names it until `flush()`.

        Raises:
            ObjectNotFound: The session does not have it.
            StoreUnavailable: The store or the index cannot be written.
        """
        self.remove_many([task_id], flush)

    def remove_many(self, task_ids: Iterable[str], flush: bool = True) -> None:
        """Remove several tasks, as `remove` does."""
        self._register.remove(list(dict.fromkeys(task_ids)), flush=flush)

    def forget(self, task_id: str, flush: bool = True) -> None:
        """Remove a task from the session; it stays in the store, and what it owns, too.

        Raises:
            ObjectNotFound: The session does not have it.
            StoreUnavailable: The store or the index cannot be written.
        """
        self._register.forget([task_id], flush=flush)

    def destroy(self) -> None:
        """Remove the session, and its tasks from the store.

        A directory that the session made is removed whole; of another one, only what the session
        made in it, and the directory if that leaves it empty. A store inside of the directory goes,
        too; in one outside of it, everything stays but the session's tasks.

        Raises:
            SessionInUse: Somebody else is running it; says who.
            StoreUnavailable: Something could not be removed; doing it again goes on.
        """
        if self._register.gone:
            return
        lease = self._lease if self._lease is not None and self._lease.held else None
        self._window.clear()
        destroy(self._register, by_holder=lease is not None)
        if lease is not None:
            lease.release()

    # asking

    def counts(
        self,
        query: Query = Query(),  # noqa: B008  # immutable
        /,
        **filters: Any,
    ) -> Counts:
        """How many tasks there are, as they were saved last; loads none.

        >>> import gc3libs, os, tempfile
        >>> tmpdir = tempfile.mkdtemp()
        >>> with Session(os.path.join(tmpdir, "session")) as session:
        ...     _ = session.add_many(gc3libs.Task(beta=beta / 10) for beta in range(5))
        >>> session.counts().total, session.counts(beta=0.1)["NEW"]
        (5, 1)
        >>> session.destroy()
        >>> os.rmdir(tmpdir)

        Args:
            query: Its `where` holds, too.
            **filters: As for `summaries`.
        """
        return total_of(self._answers.counts(question(query, **filters)))

    def totals(self, **filters: Any) -> Totals:
        """What tasks have used, together, as it was saved last; loads none.

        Args:
            **filters: As for `summaries`.
        """
        return self._answers.totals(question(**filters))

    def summaries(
        self,
        query: Query = Query(),  # noqa: B008  # immutable
        /,
        **filters: Any,
    ) -> Iterator[Summary]:
        """What can be known of tasks without loading them, as they were saved last.

        Those of the session come in order, then what they own.

        Args:
            query: Its `where`, `order` and `reverse` hold, too.
            state, states: A state or several, `ok` and `failed` among them.
            ok, failed: True: only those that ended well, or not.
            returncode: A number, or a pair of signal and exit code.
            jobname: A pattern as the shell's, such as `fit-*`; case counts.
            tag: One of their tags.
            held: Whether they are held.
            tree: Collections, too. Otherwise only tasks that run by themselves.
            leaf: True, False: only these, or only collections.
            parameters: Values of parameters, by name.
            **filters: The same: `beta=0.1`.

        Raises:
            InvalidValue: There is no such state.
        """
        return self._answers.summaries(question(query, **filters))

    def find(self, **filters: Any) -> Iterator[Any]:
        """The tasks that the same filters mean, loaded a batch at a time."""
        return self.tasks.loaded(each.id for each in self.summaries(**filters))

    def to_pandas(self, **filters: Any) -> pandas.DataFrame:
        """A table of the tasks that the same filters mean: parameters, result, state and so on.

        Raises:
            Error: pandas is not installed.
        """
        return to_pandas(self.store, self.summaries(**filters))

    # running

    def unfinished(self) -> Iterator[str]:
        """IDs of the tasks that are not over and not held: first those in flight, then in order."""
        return self._answers.unfinished()

    @property
    def run_directory(self) -> str:
        """Where an engine of this session keeps what must outlive it."""
        return str(self._register.place.run)

    def lease(self, what: str = "") -> Lease:
        """Be the one who runs the session, until the lease is released.

        Args:
            what: What it is for, in a word, for others to see.

        Raises:
            SessionInUse: Somebody else is; says who and since when.
            StoreUnavailable: The directory cannot be written.
        """
        with self._register.changing():
            lease = Lease(
                self._register.place.lease,
                self.uuid,
                what,
                self._register.next_epoch,
                self.clock,
            )
            try:
                self.store.set_epoch(lease.guard)
            except BaseException:
                lease.release()
                raise
        self._lease = lease
        return lease

    def holder(self) -> Holder | None:
        """Who runs the session at present, if somebody does."""
        return holder_of(self._register.place.lease)


def _time_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return -1


def _set_time(path: Path, time: float | None) -> None:
    try:
        fd = open_inside(path, os.O_WRONLY | os.O_CREAT)
        try:
            os.utime(fd, None if time is None else (time, time))
        finally:
            os.close(fd)
    except OSError as err:
        raise StoreUnavailable(f"cannot write {path}: {err.strerror}") from err
