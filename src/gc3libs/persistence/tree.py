"""The directories of a `FilesystemStore`, and how files get into them.

```
store            format of the store and next number; who writes to the store holds its lock
00/Task.17       a record; 1000 numbers a directory
children/00/...  IDs of what an object owns; `removed`: IDs of records that are no more
blobs/00/...     bytes that belong to an object, or (in x00, x01, ... xff) to none
epochs/...       of sessions
new/             files that are being written
commit/          files that are written and have to be moved to their places
```

A writer that dies leaves files in `new`, which the next writer removes, or in `commit`, where it
goes on. Nothing follows symbolic links, nothing relies on who else has looked at a directory when.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gc3libs import _atomic
from gc3libs.exceptions import InvalidValue
from gc3libs.persistence import frame
from gc3libs.persistence.places import Place, is_addition, is_bucket, is_new, place_of
from gc3libs.persistence.record import split_id
from gc3libs.persistence.state_file import (
    MARK_AT,
    Mark,
    parse_mark,
    parse_number,
    with_mark,
    with_number,
)

logger = logging.getLogger(__name__)

NEW = "new"
COMMIT = "commit"
_STATE = "store"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OPEN_DIRECTORIES = 32
_PORTION = 1 << 16


class NotAFile(OSError):
    """Something that is no regular file is where one should be."""


class Tree:
    """Open directories, while one operation lasts. Use it as a context manager.

    A root that is not there is as one that is empty.
    """

    def __init__(self, root: Path) -> None:
        self._root: int | None
        try:
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._root = None
        self._open: dict[str, int] = {}
        self._made: set[str] = set()
        self.root = root

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *exc: object) -> None:
        for fd in self._open.values():
            os.close(fd)
        if self._root is not None:
            os.close(self._root)

    def directory(self, name: str, *, make: bool = False) -> int:
        """A descriptor of a directory below the root; "" is the root.

        Raises:
            FileNotFoundError: There is none.
            OSError: It is none, or a symbolic link.
        """
        if self._root is None:
            raise FileNotFoundError(errno.ENOENT, "there is no such directory", str(self.root))
        if not name:
            return self._root
        fd = self._open.get(name)
        if fd is not None:
            self._open[name] = self._open.pop(name)  # the last to be closed
            return fd
        above, _, last = name.rpartition("/")
        parent = self.directory(above, make=make)
        try:
            fd = os.open(last, _DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
            os.mkdir(last, dir_fd=parent)
            self._made.add(above)
            fd = os.open(last, _DIRECTORY, dir_fd=parent)
        if len(self._open) >= _OPEN_DIRECTORIES:
            os.close(self._open.pop(next(iter(self._open))))
        self._open[name] = fd
        return fd

    def names(self, directory: str) -> list[str]:
        """Names in a directory; none if there is no such directory."""
        try:
            return os.listdir(self.directory(directory))  # noqa: PTH208  # by descriptor
        except FileNotFoundError:
            return []

    def exists(self, name: str) -> bool:
        """Whether the root has a directory of this name."""
        try:
            self.directory(name)
        except FileNotFoundError:
            return False
        return True

    def read(self, place: Place, size: int | None = None) -> bytes | None:
        """A file's content, or its first `size` bytes; None if there is no such file.

        Raises:
            NotAFile: It is something else, such as a symbolic link.
        """
        directory, name = place
        try:
            fd = os.open(name, _FILE, dir_fd=self.directory(directory))
        except FileNotFoundError:
            return None
        except OSError as err:
            if err.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise NotAFile(err.errno, "it is no regular file") from err
            raise
        try:
            if size is not None:
                return os.read(fd, size)
            portions = [os.read(fd, _PORTION)]
            if len(portions[0]) == _PORTION:
                while portions[-1]:
                    portions.append(os.read(fd, 1 << 24))
            return b"".join(portions)
        except IsADirectoryError as err:
            raise NotAFile(err.errno, "it is no regular file") from err
        finally:
            os.close(fd)

    def size(self, place: Place) -> int | None:
        """A file's length; None if there is no such file."""
        directory, name = place
        try:
            fd = self.directory(directory)
            return os.stat(name, dir_fd=fd, follow_symlinks=False).st_size
        except FileNotFoundError:
            return None

    def remove(self, place: Place) -> bool:
        """Remove a file; False if there was none."""
        directory, name = place
        try:
            os.unlink(name, dir_fd=self.directory(directory))
        except FileNotFoundError:
            return False
        return True

    # writing

    def write_new(self, name: str, data: bytes) -> None:
        """Write a file into `new`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(name, flags, 0o666, dir_fd=self.directory(NEW, make=True))
        try:
            _atomic.write_all(fd, data)
        finally:
            os.close(fd)

    def sync_new(self, names: list[str]) -> None:
        """Make files in `new` survive a power failure."""
        directory = self.directory(NEW)
        if len(names) > 2:
            _atomic.sync_filesystem(directory)
            return
        for name in names:
            fd = os.open(name, _FILE, dir_fd=directory)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def place(self, source: str, name: str, *, durable: bool, again: bool = False) -> None:
        """Move a file from `new` or `commit` to its place, or add it to the one that is there.

        Args:
            durable: Sync what it was added to.
            again: It may have been tried before.

        Raises:
            FileExistsError: It is new, and something is there already.
        """
        directory, final = target = place_of(name)
        origin = self.directory(source)
        goal = self.directory(directory, make=True)
        if is_addition(name):
            at, parts = frame.unpack_addition(self.read((source, name)) or b"")
            head = frame.list_head(at + len(parts))
            self.append(target, at, parts, durable=durable, head=head)
            os.unlink(name, dir_fd=origin)
        elif again or not is_new(name):
            os.rename(name, final, src_dir_fd=origin, dst_dir_fd=goal)
        else:
            _atomic.rename_new(name, final, source_directory=origin, directory=goal)

    def append(
        self, place: Place, at: int, data: bytes, *, durable: bool, head: bytes = b""
    ) -> None:
        """Have a file, made if need be, end with `data` from byte `at` on, then begin with `head`.

        If it is to be durable, the disk has the end before the head that counts it in.
        """
        directory, name = place
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, 0o666, dir_fd=self.directory(directory, make=True))
        try:
            os.ftruncate(fd, at)
            os.lseek(fd, at, os.SEEK_SET)
            _atomic.write_all(fd, data)
            if durable:
                os.fsync(fd)
            if head:
                os.pwrite(fd, head, 0)
                if durable:
                    os.fsync(fd)
        finally:
            os.close(fd)

    def reserve(self, place: Place, size: int) -> None:
        """Make sure that so many bytes can be added to a file.

        Raises:
            OSError: The disk is full.
        """
        directory, name = place
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=self.directory(directory))
        try:
            _atomic.reserve(fd, size)
        finally:
            os.close(fd)

    def commit_new(self) -> None:
        """From now on the files in `new` count as written, all of them."""
        os.rename(NEW, COMMIT, src_dir_fd=self.directory(""), dst_dir_fd=self.directory(""))
        if NEW in self._open:
            self._open[COMMIT] = self._open.pop(NEW)

    def end_commit(self) -> None:
        """The files in `commit` are in their places."""
        if COMMIT in self._open:
            os.close(self._open.pop(COMMIT))
        os.rmdir(COMMIT, dir_fd=self._root)

    def sync_places(self, directories: set[str]) -> None:
        """Make names in these directories survive a power failure."""
        if len(directories) > 1:
            _atomic.sync_filesystem(self.directory(""))
        else:
            for name in directories | self._made:
                os.fsync(self.directory(name))

    def sync_all(self) -> None:
        """Make everything survive a power failure."""
        _atomic.sync_filesystem(self.directory(""))

    def recover(self) -> None:
        """Go on where a writer ended that was cut off. Only for who holds the lock."""
        if self.exists(COMMIT):
            self.finish_commit()
        self.discard_new()

    def finish_commit(self) -> None:
        """Move what lies in `commit` to its places, whether that was begun or not."""
        for name in self.names(COMMIT):
            self.place(COMMIT, name, durable=True, again=True)
        self.end_commit()

    def discard_new(self) -> None:
        """Remove what lies in `new`."""
        for name in self.names(NEW):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.directory(NEW))

    # the state file

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Keep other writers away; gives the state file's descriptor."""
        while True:
            with _atomic.locked(_STATE, directory=self._root) as fd:
                if self._is_current(fd):
                    yield fd
                    return

    def _is_current(self, fd: int) -> bool:
        """The file was not removed while its lock was waited for."""
        try:
            there = os.stat(_STATE, dir_fd=self._root, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(fd))

    def next_number(self, fd: int) -> int | None:
        """What the state file says; None if it does not."""
        return parse_number(os.pread(fd, 200, 0), self.root)

    def set_next_number(self, fd: int, number: int) -> None:
        """Have the state file say so."""
        os.pwrite(fd, with_number(number), 0)

    def mark(self, fd: int | None = None) -> Mark:
        """What the last writer has left in the state file."""
        if fd is not None:
            return parse_mark(os.pread(fd, 200, 0))
        return parse_mark(self.read(("", _STATE), 200) or b"")

    def set_mark(self, fd: int, mark: Mark) -> None:
        """Leave a mark."""
        if os.fstat(fd).st_size < MARK_AT:
            self.set_next_number(fd, highest_number(self) + 1)
        os.pwrite(fd, with_mark(mark), MARK_AT)

    def check_format(self) -> None:
        """Raises `NewerFormat` if a later version made this store."""
        content = self.read(("", _STATE), 200)
        if content is not None:
            parse_number(content, self.root)


def buckets(tree: Tree) -> list[str]:
    """Directories of records, by number; what only looks like one is left out."""
    names = []
    for name in filter(is_bucket, tree.names("")):
        if stat.S_ISDIR(os.lstat(tree.root / name).st_mode):
            names.append(name)
        else:
            logger.warning("%s is no directory: ignored", tree.root / name)
    return sorted(names, key=int)


def ids_in(tree: Tree, bucket: str) -> list[str]:
    """IDs of the records in a directory, by number."""
    ids = []
    for name in tree.names(bucket):
        with contextlib.suppress(InvalidValue):
            ids.append((split_id(name)[1], name))
    return [name for _, name in sorted(ids)]


def highest_number(tree: Tree) -> int:
    """Of all records; 0 if there are none."""
    for bucket in reversed(buckets(tree)):
        ids = ids_in(tree, bucket)
        if ids:
            return split_id(ids[-1])[1]
    return 0
