"""The append-only file that says which jobs were started and how they ended.

The first line of each supervisor's part is `gc3-jobs FORMAT BOOT-ID PID STARTTIME PLACE`, where
PLACE is the device and inode of the work directory: a copy of it is no evidence of running jobs.
`records` describes the other lines. A line that was cut short counts as not written.
"""

from __future__ import annotations

import contextlib
import os

from .records import Record, apply

FORMAT = 1
FILE = "journal"

_MAGIC = "gc3-jobs"
_COMPACT_ABOVE = 1_000_000  # bytes


class NewerJournal(Exception):
    """The journal has a format that this version does not know."""


class Header:
    """Which supervisor wrote a part of a journal, since which boot, for which directory."""

    __slots__ = ("boot", "pid", "place", "start")

    def __init__(self, boot: str, pid: int, start: int, place: str) -> None:
        self.boot = boot
        self.pid = pid
        self.start = start
        self.place = place

    def line(self) -> str:
        return f"{_MAGIC} {FORMAT} {self.boot} {self.pid} {self.start} {self.place}\n"


def read(path: str = FILE) -> tuple[Header | None, dict[str, Record]]:
    """The last supervisor that wrote this journal, and all jobs that it remembers, oldest first.

    Raises:
        NewerJournal: It was written by a later version.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs the supervisor a megabyte
            data = file.read()
    except FileNotFoundError:
        return None, {}
    header: Header | None = None
    records: dict[str, Record] = {}
    for line in data.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        try:
            if line.startswith(_MAGIC):
                header = _header(line)
            else:
                apply(line, records)
        except ValueError:
            continue  # unsynced when the machine went down; whatever started was synced before
    return header, records


def _header(line: str) -> Header:
    _, version, boot, pid, start, place = line.split(" ")
    if int(version) > FORMAT:
        raise NewerJournal(version)
    return Header(boot, int(pid), int(start), place)


class Journal:
    """Appends lines, and writes the file anew once most of it is about forgotten jobs.

    What cannot be written at the moment (a full disk) is kept, and goes before what is written
    next.
    """

    def __init__(self, header: Header, records: dict[str, Record]) -> None:
        self._header = header
        self._pending = b""
        self._fd = -1
        self._size = self._base = 0
        self.rewrite(records)

    def add(self, text: str) -> None:
        """Have lines written with the next ones, at the latest by `write`."""
        self._pending += text.encode("utf-8", "surrogateescape")

    def append(self, text: str) -> bool:
        """Write lines; False if they are not all in the file yet."""
        self.add(text)
        return self.write()

    def write(self) -> bool:
        """Write what was added; False if it is not all in the file yet."""
        if self._pending:
            try:
                written = os.write(self._fd, self._pending)
            except OSError:
                return False
            self._size += written
            self._pending = self._pending[written:]
        return not self._pending

    def sync(self) -> bool:
        """Put what was appended on the disk; False if that did not succeed."""
        try:
            os.fdatasync(self._fd)
        except OSError:
            return False
        return not self._pending

    def compact(self, records: dict[str, Record]) -> None:
        """Write the journal anew if that makes it much shorter."""
        if self._size > _COMPACT_ABOVE + 2 * self._base:
            self.rewrite(records)

    def rewrite(self, records: dict[str, Record]) -> None:
        """Replace the file by one that holds these jobs and nothing else."""
        text = self._header.line() + "".join([record.lines() for record in records.values()])
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        try:
            fd = os.open(FILE + ".new", flags, 0o600)
            data = text.encode("utf-8", "surrogateescape")
            while data:
                data = data[os.write(fd, data) :]
            os.fsync(fd)
            os.rename(FILE + ".new", FILE)  # noqa: PTH104
        except OSError:
            if self._fd < 0:
                raise
            return  # the old one still serves
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._pending = fd, b""
        self._size = self._base = len(text)
        directory = os.open(".", os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def close(self, records: dict[str, Record]) -> None:
        """Write no more; the file goes, too, if there is nothing to remember."""
        self.write()
        os.close(self._fd)
        if not records:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(FILE)  # noqa: PTH108
