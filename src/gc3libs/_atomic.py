"""The one place that writes files so that a reader sees the old one or the new one, never a part.

File names given relative to a directory's descriptor (`directory`) are looked up there, so that
nobody who renames directories meanwhile leads a write astray.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

_RENAME_NOREPLACE = 1
_KEEP_SIZE = 1
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)

_BESIDE = re.compile(r"\..+\.[0-9a-f]{12}\.new", re.DOTALL)
_ABANDONED = 3600.0  # seconds; nothing that is written here takes as long

PathLike = str | os.PathLike[str]


def write_file(
    path: PathLike, data: bytes | str, *, durable: bool = True, alone: bool = False
) -> None:
    """Replace, or make, a file as a whole; an existing one keeps its permissions.

    What killed writers have left in the directory an hour ago, or earlier, is removed.

    Args:
        durable: When it returns, a power failure loses nothing.
        alone: Nobody else writes this file meanwhile, so that what a killed writer has left beside
            it can be removed at once.

    Raises:
        OSError: It could not be written; the old file is as it was, nothing else is left behind.
    """
    target = Path(path)
    content = data.encode() if isinstance(data, str) else data
    unique = "" if alone else f".{secrets.token_hex(6)}"
    beside = target.with_name(f".{target.name[:100]}{unique}.new")
    if alone:
        beside.unlink(missing_ok=True)
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(fd, target.stat().st_mode & 0o7777)
            write_all(fd, content)
            if durable:
                os.fsync(fd)
            now = os.fstat(fd).st_mtime
        finally:
            os.close(fd)
        beside.rename(target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    if durable:
        sync_directory(target.parent)
    if not alone:
        _sweep(target.parent, now - _ABANDONED)


def _sweep(directory: Path, before: float) -> None:
    """Remove files that were being written and have not changed since, as far as one may."""
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208
            if name.endswith(".new") and _BESIDE.fullmatch(name):
                path = directory / name
                if path.lstat().st_mtime < before:
                    path.unlink()


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, in however many portions the system takes it."""
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, memoryview(data)[done:])


def open_inside(path: PathLike, flags: int) -> int:
    """Open a file that must lie where it seems to.

    Raises:
        OSError: It cannot be opened, or is something else, such as a symbolic link or a pipe.
    """
    fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
    return fd


def sync_directory(path: PathLike | int) -> None:
    """Make names that were added to, or removed from, a directory survive a power failure."""
    fd = path if isinstance(path, int) else os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        if fd is not path:
            os.close(fd)


def sync_filesystem(directory: int) -> None:
    """Make everything on the filesystem that a descriptor belongs to survive a power failure."""
    syncfs = _libc_function("syncfs")
    if syncfs is None:
        os.sync()
    elif syncfs(directory) != 0:
        code = _errno()
        raise OSError(code, os.strerror(code))


def rename_new(source: str, target: str, *, source_directory: int, directory: int) -> None:
    """Give a file a name that no other has.

    Raises:
        FileExistsError: The name is taken; the file keeps its old name.
    """
    renameat2 = _libc_function("renameat2")
    if renameat2 is not None:
        names = os.fsencode(source), os.fsencode(target)
        if renameat2(source_directory, names[0], directory, names[1], _RENAME_NOREPLACE) == 0:
            return
        code = _errno()
        if code not in _UNSUPPORTED:
            raise OSError(code, os.strerror(code), target)
    os.link(source, target, src_dir_fd=source_directory, dst_dir_fd=directory)
    os.unlink(source, dir_fd=source_directory)


def reserve(fd: int, size: int) -> None:
    """Have room on the disk for so many bytes at a file's end, where the filesystem can do it.

    Raises:
        OSError: The disk, or a quota, is full.
    """
    fallocate = _libc_function("fallocate")
    if fallocate is None:
        return
    from ctypes import c_long

    end = os.fstat(fd).st_size
    if fallocate(fd, _KEEP_SIZE, c_long(end), c_long(size)) != 0:
        code = _errno()
        if code in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(code, os.strerror(code))


@contextlib.contextmanager
def locked(path: PathLike, *, directory: int | None = None, shared: bool = False) -> Iterator[int]:
    """Hold the lock of a file, made if it is missing, and give its descriptor.

    Waits for others who hold it. A lock ends with its process, however that ends.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o666, dir_fd=directory)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


@cache
def _libc_function(name: str) -> Callable[..., int] | None:
    import ctypes  # takes longer than most programs need to read a file or two

    function: Callable[..., int] | None
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    return function


def _errno() -> int:
    import ctypes

    return ctypes.get_errno()
