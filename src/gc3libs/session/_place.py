"""The session's directory: its files, its lock, and how it is made."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from gc3libs._atomic import open_inside, sync_directory, write_all
from gc3libs._fork import Rank, survive_forks
from gc3libs.exceptions import DamagedStore, InvalidArgument, InvalidOperation, StoreUnavailable
from gc3libs.persistence import Store, make_store

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+]*:[^\0-\x1f]*|/[^\0]+")
_LOCAL = re.compile(r"(?P<scheme>file|sqlite):(?://)?(?P<path>[^?#]*)(?P<rest>.*)", re.DOTALL)


class Place:
    """A directory that is, or is to become, a session's.

    Attributes:
        vital: The files without which it is none.

    Raises:
        InvalidArgument: That is no path of a directory.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.abspath(_checked(path)))  # noqa: PTH100  # not resolved
        self.index = self.path / "index.txt"
        self.store_url = self.path / "store.url"
        self.created = self.path / "created"
        self.finished = self.path / "finished"
        self.run = self.path / "run"
        self.lease = self.run / "lease"
        self.vital = (self.index, self.created, self.store_url)
        self._mutex = threading.RLock()
        self._depth = 0
        self._fd: int | None = None
        survive_forks(self, Rank.SESSION)

    # what is there

    def holds_session(self) -> bool:
        """Whether there is a session.

        Raises:
            InvalidArgument: There is something else that must not be touched.
            DamagedStore: There is a part of one.
            StoreUnavailable: It cannot be known.
        """
        try:
            has_index = self.index.exists()
            has_url = self.store_url.exists() and self.store_url.stat().st_size > 0
            if not has_index and (self.path / "session_ids.txt").exists():
                raise InvalidArgument(
                    f"{self.path} holds a session of GC3Pie (session_ids.txt), which gc3libs cannot"
                    " read; it was left as it is"
                )
            if self.path.exists() and not self.path.is_dir():
                raise InvalidArgument(f"{self.path} is no directory")
            if has_url and not has_index:
                raise DamagedStore(str(self.path), f"{self.index.name} is missing")
            if has_index and not has_url and self.index.stat().st_size > 0:
                raise DamagedStore(str(self.path), f"{self.store_url.name} is missing")
        except OSError as err:
            raise StoreUnavailable(f"cannot look into {self.path}: {err.strerror}") from err
        return has_url

    def contains(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path leads into this directory."""
        return self._relative(os.fspath(path)) is not None

    def _relative(self, path: str) -> str | None:
        """A path as seen from this directory; None if it is not inside."""
        real, home = os.path.realpath(path), os.path.realpath(self.path)
        return real[len(home) + 1 :] if real.startswith(home + os.sep) else None

    # the lock

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who changes the session's files; the same thread may do it again inside.

        The lock is that of the file `store.url`, so that no other file is needed.

        Raises:
            StoreUnavailable: The files may not be written.
            InvalidOperation: The session is not there any more.
        """
        with self._mutex:
            if self._depth == 0:
                self._fd = self._lock()
            self._depth += 1
            try:
                yield
            finally:
                self._depth = max(0, self._depth - 1)
                if self._depth == 0:
                    self._unlock()

    def _unlock(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    @property
    def _fork_lock(self) -> threading.RLock:
        return self._mutex

    def _after_fork(self) -> None:
        """In the child: the lock stays the parent's."""
        self._mutex = threading.RLock()
        self._depth = 0
        self._unlock()

    def _lock(self) -> int:
        while True:
            try:
                fd = open_inside(self.store_url, os.O_RDWR)
            except FileNotFoundError:
                raise InvalidOperation(f"there is no session in {self.path} any more") from None
            except OSError as err:
                raise StoreUnavailable(
                    f"the session {self.path} cannot be changed: {err.strerror}: {self.store_url}"
                ) from err
            fcntl.flock(fd, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if _same(fd, self.store_url):
                    return fd
            os.close(fd)

    # the store's URL

    def open_store(self, url: object, **extra_args: object) -> Store:
        """The store that a user named: also `sqlite` or `file`, for one inside this directory."""
        if url is None or url == "file":
            return make_store(self.path / "jobs", **extra_args)
        if url == "sqlite":
            return make_store(f"sqlite://{_quoted(self.path / 'store.db')}", **extra_args)
        return make_store(url, **extra_args)

    def recorded_url(self) -> str:
        """The store's URL, with an absolute path, as `store.url` has it.

        Raises:
            StoreUnavailable: The file cannot be read.
            DamagedStore: It holds something else.
        """
        try:
            with os.fdopen(open_inside(self.store_url, os.O_RDONLY), "rb") as file:
                text = os.fsdecode(file.read()).strip("\n")
        except OSError as err:
            raise StoreUnavailable(f"cannot read {self.store_url}: {err.strerror}") from err
        if _URL.fullmatch(text) is None:
            raise DamagedStore(str(self.store_url), "it holds no URL of a store")
        match = _LOCAL.fullmatch(text)
        if match is None or match["path"].startswith("/"):
            return text
        path = self.path / os.fsdecode(unquote_to_bytes(os.fsencode(match["path"])))
        return f"{match['scheme']}://{_quoted(path)}{match['rest']}"

    def check_store(self, store: Store) -> None:
        """See that the store of an existing session is there.

        Raises:
            DamagedStore: It is not, and the session has tasks.
        """
        path: Path | None = getattr(store, "path", None)
        if path is not None and not path.exists() and self.index.stat().st_size > 0:
            raise DamagedStore(str(self.store_url), f"it names {path}, which does not exist")

    def relative_url(self, url: str) -> str:
        """A store's URL as `store.url` shall have it: relative if the store is inside."""
        match = _LOCAL.fullmatch(url)
        if match is None:
            return url
        inside = self._relative(os.fsdecode(unquote_to_bytes(match["path"])))
        return url if inside is None else f"{match['scheme']}:{_quoted(inside)}{match['rest']}"

    # making it

    def make(self) -> bool:
        """Have the directory; whether it was not there before.

        Raises:
            StoreUnavailable: It cannot be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
        except FileExistsError:
            return False
        except OSError as err:
            raise StoreUnavailable(f"cannot make {self.path}: {err.strerror}") from err
        return True

    @contextlib.contextmanager
    def being_made(self) -> Iterator[bool]:
        """Hold the lock of a session that may not be there yet; tells whether it still is not.

        Raises:
            StoreUnavailable: Its files cannot be made.
        """
        try:
            os.close(open_inside(self.store_url, os.O_RDWR | os.O_CREAT))
        except OSError as err:
            raise StoreUnavailable(f"cannot make {self.store_url}: {err.strerror}") from err
        with self.locked():
            yield not self.holds_session()

    def write_store_url(self, url: str) -> None:
        """The last step of making a session: from now on there is one.

        Raises:
            StoreUnavailable: The file cannot be written.
        """
        try:
            fd = open_inside(self.store_url, os.O_RDWR)
            try:
                write_all(fd, os.fsencode(self.relative_url(url)) + b"\n")
                os.fsync(fd)
            finally:
                os.close(fd)
            sync_directory(self.path)
            sync_directory(self.path.parent)
        except OSError as err:
            raise StoreUnavailable(f"cannot write {self.store_url}: {err.strerror}") from err

    def give_up(self) -> None:
        """The last step of removing it: from now on there is none. Needs the lock.

        Raises:
            OSError: The files cannot be removed.
        """
        fd = open_inside(self.store_url, os.O_WRONLY)
        try:
            os.ftruncate(fd, 0)
        finally:
            os.close(fd)
        for path in self.vital:
            path.unlink(missing_ok=True)


def _checked(path: str | os.PathLike[str]) -> str:
    text = os.fsdecode(path)
    if not text or "\0" in text:
        raise InvalidArgument(f"{text!r} is no path of a session's directory")
    if "://" in text:
        raise InvalidArgument(
            f"{text} is a URL: a session needs the path of a directory; TemporarySession looks at a"
            " store by its URL"
        )
    return text


def _same(fd: int, path: Path) -> bool:
    return os.path.samestat(os.fstat(fd), path.stat())


def _quoted(path: str | os.PathLike[str]) -> str:
    return quote_from_bytes(os.fsencode(path))
