"""The file `index.txt`: IDs of a session's top-level tasks, one a line, in the order of adding.

It is appended to when tasks are added and replaced as a whole when tasks are removed. A last line
without its end is an append that was cut short: readers ignore it, the next append removes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from gc3libs._atomic import open_inside, write_all, write_file
from gc3libs._fork import Rank, survive_forks
from gc3libs.exceptions import DamagedStore, InvalidOperation, StoreUnavailable

_CHUNK = 1 << 16
_TAIL = 64
_BLANK_LINE = re.compile(rb"\n\n")  # twice as quick as `in`


class Index:
    """What the file holds, read when it is needed and again when it has changed.

    Opening costs nothing, and counting no more than reading the file, which is parsed when an ID is
    asked for; the map of IDs is built when one is first looked up. Whoever writes holds the
    session's lock and has called `refresh`. Several threads may look meanwhile.

    Args:
        path: Of the file.
        known_length: Tells how many IDs an index with a fingerprint has, if somebody noted it.
    """

    def __init__(
        self, path: Path, known_length: Callable[[str], int | None] = lambda fingerprint: None
    ) -> None:
        self._path = path
        self._known_length = known_length
        self._after_fork()
        survive_forks(self, Rank.NONE)

    @property
    def _fork_lock(self) -> None:
        return None

    def _after_fork(self) -> None:
        """Know nothing: what another thread was about to note is not noted in the child."""
        self._lock = threading.RLock()
        self._signature: tuple[int, int, int] | None = None
        self._clear()

    def _clear(self) -> None:
        self._unparsed: list[bytes] = []
        self._lines = bytearray()  # what was parsed: one ID a line, nothing else
        self._length: int | None = 0
        self._size = 0
        self._crc = 0
        self._tail = b""
        self._places: dict[str, int] | None = None

    # reading

    def refresh(self) -> None:
        """See what the file holds now; costs next to nothing if that has not changed.

        Raises:
            InvalidOperation: There is no session any more.
            DamagedStore: The file is missing.
            StoreUnavailable: It cannot be read.
        """
        try:
            with self._lock:
                if _signature(self._path.stat()) != self._signature:
                    self._read()
        except FileNotFoundError:
            home = self._path.parent
            if not (home / "store.url").exists():
                raise InvalidOperation(f"there is no session in {home} any more") from None
            raise DamagedStore(str(home), f"{self._path.name} is missing") from None
        except OSError as err:
            raise StoreUnavailable(f"cannot read {self._path}: {err.strerror}") from err

    def _read(self) -> None:
        with os.fdopen(open_inside(self._path, os.O_RDONLY), "rb") as file:
            now = _signature(os.fstat(file.fileno()))
            if not self._continues(now, file.fileno()):
                self._clear()
            file.seek(self._size)
            new = file.read()
            self._take(new[: new.rfind(b"\n") + 1])
            self._signature = now

    def _continues(self, now: tuple[int, int, int], fd: int) -> bool:
        """Whether the file is what we know of it, with lines added."""
        if self._signature is None or now[0] != self._signature[0] or now[1] < self._size:
            return False
        return os.pread(fd, len(self._tail), self._size - len(self._tail)) == self._tail

    def _take(self, raw: bytes) -> None:
        """Note complete lines that follow those that are known."""
        self._unparsed.append(raw)
        self._length = None
        self._size += len(raw)
        self._crc = zlib.crc32(raw, self._crc)
        self._tail = (self._tail + raw[-_TAIL:])[-_TAIL:]
        if len(self._unparsed) == 1 and len(raw) < _CHUNK:
            self._parse()

    def _parse(self) -> None:
        with self._lock:
            self._parse_new()

    def _parse_new(self) -> None:
        for raw in self._unparsed:
            lines = raw if _is_clean(raw) else _cleaned(raw)
            if self._places is not None:
                self._places.update(_places(lines, len(self._lines)))
            self._lines += lines
        self._unparsed.clear()
        self._length = None

    @property
    def fingerprint(self) -> str:
        """Of the content, as of the last `refresh`."""
        with self._lock:
            return _fingerprint(self._size, self._crc)

    def fingerprint_with(self, ids: Sequence[str]) -> str:
        """Of the content as it would be with these IDs appended."""
        new = _to_lines(ids)
        with self._lock:
            return _fingerprint(self._size + len(new), zlib.crc32(new, self._crc))

    def __len__(self) -> int:
        if self._length is None and self._unparsed:
            self._ask_length()
        with self._lock:
            if self._length is None:
                self._parse()
                self._length = self._lines.count(b"\n")
            return self._length

    def _ask_length(self) -> None:
        """Without the lock, which those may wait for who are to answer."""
        fingerprint = self.fingerprint
        length = self._known_length(fingerprint)
        with self._lock:
            if fingerprint == self.fingerprint:
                self._length = length

    def __iter__(self) -> Iterator[str]:
        self._parse()
        lines, end, start = self._lines, len(self._lines), 0
        while start < end:
            stop = lines.find(b"\n", min(start + _CHUNK, end - 1)) + 1
            yield from _to_ids(lines[start:stop])
            start = stop

    def __contains__(self, id_: object) -> bool:
        return id_ in self._map()

    def following(self, id_: str, count: int) -> list[str]:
        """An ID and those that come after it, `count` in all, or as many as there are."""
        with self._lock:
            return self._following(id_, count)

    def _following(self, id_: str, count: int) -> list[str]:
        start = stop = self._map()[id_]
        for _ in range(count):
            stop = self._lines.find(b"\n", stop) + 1
            if stop == len(self._lines):
                break
        return _to_ids(self._lines[start:stop])

    def _map(self) -> dict[str, int]:
        with self._lock:
            self._parse()
            if self._places is None:
                self._places = dict(_places(self._lines, 0))
            return self._places

    # writing

    def append(self, ids: Sequence[str], *, durable: bool = True) -> None:
        """Add IDs at the end.

        Args:
            durable: When it returns, a power failure loses none of them.

        Raises:
            StoreUnavailable: The file could not be written; it is as it was.
        """
        with self._lock:
            self._append(_to_lines(ids), durable)

    def _append(self, new: bytes, durable: bool) -> None:
        try:
            fd = open_inside(self._path, os.O_WRONLY)
            try:
                self._write_at_end(fd, new, durable)
                signature = _signature(os.fstat(fd))
            finally:
                os.close(fd)
        except OSError as err:
            raise StoreUnavailable(f"cannot write {self._path}: {err.strerror}") from err
        self._take(new)
        self._signature = signature

    def _write_at_end(self, fd: int, new: bytes, durable: bool) -> None:
        if os.fstat(fd).st_size != self._size:
            os.ftruncate(fd, self._size)
        os.lseek(fd, self._size, os.SEEK_SET)
        try:
            write_all(fd, new)
            if durable:
                os.fsync(fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(fd, self._size)
            raise

    def remove(self, ids: Collection[str]) -> None:
        """Take IDs out: the file is written anew, durably, and renamed.

        Raises:
            StoreUnavailable: It could not be written; it is as it was.
        """
        self._parse()
        gone = {id_.encode("ascii", "surrogateescape") for id_ in ids}
        kept = [line for line in bytes(self._lines).splitlines(True) if line[:-1] not in gone]
        self.replace(b"".join(kept))

    def empty(self) -> None:
        """Take all IDs out, even where the disk is full.

        Raises:
            OSError: The file could not be written.
        """
        fd = open_inside(self._path, os.O_WRONLY)
        try:
            os.ftruncate(fd, 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        self.refresh()

    def replace(self, content: bytes) -> None:
        """Have this content.

        Raises:
            StoreUnavailable: It could not be written; the file is as it was.
        """
        try:
            write_file(self._path, content, alone=True)
        except OSError as err:
            raise StoreUnavailable(f"cannot write {self._path}: {err.strerror}") from err
        with self._lock:
            self._signature = None
            self.refresh()

    @property
    def content(self) -> bytes:
        """All that the file holds, as of the last `refresh`."""
        with self._lock:
            self._parse()
            return bytes(self._lines)


def _signature(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _fingerprint(size: int, crc: int) -> str:
    return f"{size}:{crc:08x}"


def _is_clean(raw: bytes) -> bool:
    """Whether there are no blank lines or blanks, as people leave them behind."""
    return not (
        raw.startswith(b"\n")
        or any(each in raw for each in (b" ", b"\t", b"\r"))
        or _BLANK_LINE.search(raw)
    )


def _cleaned(raw: bytes) -> bytes:
    return b"".join(b"%s\n" % line for each in raw.split(b"\n") if (line := each.strip()))


def _to_lines(ids: Sequence[str]) -> bytes:
    return "".join(f"{id_}\n" for id_ in ids).encode("ascii", "surrogateescape")


def _to_ids(lines: bytes | bytearray) -> list[str]:
    return lines.decode("ascii", "surrogateescape").split("\n")[:-1]


def _places(lines: bytes | bytearray, start: int) -> Iterator[tuple[str, int]]:
    for id_ in _to_ids(lines):
        yield id_, start
        start += len(id_) + 1
