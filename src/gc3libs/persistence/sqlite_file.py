"""Opening SQLite files, and saying in our words what went wrong with them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote_from_bytes

from gc3libs._atomic import sync_directory
from gc3libs.exceptions import DamagedStore, NotAStore, StoreError, StoreUnavailable

BUSY_TIMEOUT = 60.0
"""Seconds to wait for another process's write to end."""

_LOCAL_FILESYSTEMS = """
    apfs bcachefs btrfs exfat ext2 ext3 ext4 f2fs hfs jfs nilfs2 ntfs3 overlay ramfs reiserfs tmpfs
    ufs vfat xfs zfs
"""
_CACHE_KIB = 16384
_CHECKPOINT_PAGES = 4000


def connect(path: Path) -> sqlite3.Connection:
    """Open a file for reading and writing; it is made if it is missing.

    On a local filesystem the journal is a write-ahead log, which needs memory shared between
    processes; elsewhere it is a rollback journal, synced, as is its removal, at each commit.
    """
    connection = _open(path, "rwc")
    try:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if is_local(path):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        else:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open a file that is not to be written, or may not be, or whose directory may not.

    Where nothing can be made beside it, the file is read as it is, which needs that no log of
    changes lies beside it.
    """
    connection = _open(path, "rw")
    try:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        if has_log(path):
            raise
        connection = _open(path, "ro&immutable=1")
    return connection


def is_logged(connection: sqlite3.Connection) -> bool:
    """Whether changes go into a write-ahead log first."""
    return bool(connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal")


def has_log(path: Path) -> bool:
    """Whether a write-ahead log with something in it lies beside the file."""
    with suppress(FileNotFoundError):
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    return False


def sync_log(path: Path, known: int) -> int:
    """Make what was committed survive a power failure: it is in the file, synced, or in its log.

    No lock of SQLite's is on the log, so that it may be opened, and closed, by others.

    Args:
        known: The log's inode when it was last synced here; -1: it was not.

    Returns:
        What it is now.
    """
    try:
        fd = os.open(path.with_name(f"{path.name}-wal"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1
    try:
        os.fsync(fd)
        inode = os.fstat(fd).st_ino
    finally:
        os.close(fd)
    if inode != known:
        sync_directory(path.parent)
    return inode


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote_from_bytes(os.fsencode(path))}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )


def is_local(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether a path lies on a filesystem of this machine, as far as is known."""
    try:
        table = mounts.read_text(errors="surrogateescape")
    except OSError:
        return False
    real = os.path.realpath(path)
    kind, longest = "", -1
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        point = _unescape(before.split(" ")[4])
        if len(point) >= longest and (real + "/").startswith(point.rstrip("/") + "/"):
            kind, longest = after.split(" ")[0], len(point)
    return kind in _LOCAL_FILESYSTEMS.split()


def _unescape(point: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, char)
    return point


def translate(err: sqlite3.Error, path: Path) -> StoreError:
    """An error of SQLite's in our words."""
    make = _TRANSLATIONS.get(getattr(err, "sqlite_errorcode", 0) & 0xFF)
    if make is not None:
        return make(path, str(err))
    return StoreUnavailable(f"{path}: {err}")


def _unavailable(what: str) -> Callable[[Path, str], StoreError]:
    return lambda path, cause: StoreUnavailable(f"{path}: {what} ({cause})")


_BUSY = _unavailable(f"another process has kept it locked for {BUSY_TIMEOUT:.0f} seconds")
_TRANSLATIONS: dict[int, Callable[[Path, str], StoreError]] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: _unavailable("the disk, or a quota, is full"),
    sqlite3.SQLITE_READONLY: _unavailable("the file, or its directory, may not be written"),
    sqlite3.SQLITE_CANTOPEN: _unavailable("cannot be opened"),
    sqlite3.SQLITE_PERM: _unavailable("may not be opened"),
    sqlite3.SQLITE_IOERR: _unavailable("reading or writing failed"),
    sqlite3.SQLITE_NOTADB: lambda path, cause: NotAStore(str(path), "it is no SQLite database"),
    sqlite3.SQLITE_CORRUPT: lambda path, cause: DamagedStore(str(path), cause),
}
