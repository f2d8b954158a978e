"""What a disk may hold after a power failure, by the order of a process's writes and syncs.

A process is watched by strace, and what it did to one directory is done again in a model. What was
synced is on the disk; of what was not, any part may be: each write, and each change of a name, by
itself. A changed name is on the disk once a directory that it concerns was synced.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .apart import Ended, Work, run_traced

CALLS = (
    "open,openat,creat,write,pwrite64,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,"
    "mkdirat,rmdir,ftruncate,fsync,fdatasync,syncfs,sync,sendto"
)
_LINE = re.compile(r"^(?:\d+ +)?(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FD = re.compile(r"(?:\d+|AT_FDCWD)<([^>]*)>")


class Call(NamedTuple):
    """A system call: names that it was given in full, and data and numbers where it has them."""

    name: str
    paths: tuple[str, ...]
    data: bytes
    number: int
    result: int
    flags: str


def watch(work: Work, log: Path) -> tuple[Ended, list[Call]]:
    """Do some work, and tell which calls changed, or synced, something."""
    options = ("-e", f"trace={CALLS}", "-y", "-xx", "-s", str(1 << 24))
    ended = run_traced(work, *options, log=log)
    with open(log) as lines:
        return ended, list(_calls(lines))


def _calls(lines: Iterator[str]) -> Iterator[Call]:
    for line in lines:
        match = _LINE.match(line)
        if match is not None and int(match["result"]) >= 0:
            yield _call(match["call"], match["arguments"], line, int(match["result"]))


def _call(name: str, arguments: str, line: str, result: int) -> Call:
    texts = [_bytes(each) for each in _TEXT.findall(arguments)]
    fds = [_bytes(each).decode() for each in _FD.findall(arguments)]
    numbers = re.findall(r", (\d+)(?=,|$)", arguments)
    if name in ("write", "pwrite64", "sendto"):
        number = int(numbers[-1]) if name == "pwrite64" else -1
        return Call(name, tuple(fds[:1]), texts[0], number, result, "")
    if name in ("fsync", "fdatasync", "syncfs", "ftruncate"):
        return Call(name, tuple(fds[:1]), b"", int(numbers[-1]) if numbers else 0, result, "")
    paths = [text.decode(errors="surrogateescape") for text in texts]
    if fds and name not in ("open", "creat", "rename", "link", "unlink", "mkdir", "rmdir"):
        paths = [os.path.join(fd, path) for fd, path in zip(fds, paths, strict=False)]
    return Call(name, tuple(paths), b"", 0, result, arguments)


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", "")) if "\\x" in escaped else escaped.encode()


class _File:
    """Content that is on the disk, and changes that are not yet."""

    def __init__(self, content: bytes = b"") -> None:
        self.safe = bytearray(content)
        self.now = bytearray(content)
        self.pending: list[tuple[int, bytes | None]] = []

    def change(self, offset: int, data: bytes | None) -> None:
        self.pending.append((offset, data))
        _apply(self.now, offset, data)

    def sync(self) -> None:
        self.safe = bytearray(self.now)
        self.pending.clear()

    def after_a_cut(self, chance: random.Random | None) -> bytes:
        content = bytearray(self.safe)
        for offset, data in self.pending:
            fate = chance.randrange(3) if chance else 2
            if fate == 0:
                _apply(content, offset, data)
            elif fate == 1 and data is not None:
                _apply(content, offset, bytes(len(data)))  # the size, and nothing in it
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
    else:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


class _Rename(NamedTuple):
    """A change of names: what was at `source` is at `target`, either of which may be nowhere."""

    source: str | None
    target: str | None
    node: _File | None


class Disk:
    """The files of a directory, as a process sees them and as a power failure leaves them.

    Args:
        root: Where they are; all that is there now is on the disk.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._safe: dict[str, _File | None] = {}  # None: a directory
        for path in root.rglob("*"):
            self._safe[str(path)] = _File(path.read_bytes()) if path.is_file() else None
        self._now = dict(self._safe)
        self._pending: list[_Rename] = []
        self._offsets: dict[str, int] = {}

    def do(self, call: Call) -> None:
        """Note what a system call did."""
        handler = getattr(self, f"_{call.name.rstrip('2').removesuffix('64')}", None)
        inside = any((path + "/").startswith(self._root + "/") for path in call.paths)
        if call.name in ("syncfs", "sync"):
            self._sync_all()
        elif inside and handler is not None:
            handler(call)

    def _openat(self, call: Call) -> None:
        path = call.paths[0]
        if "O_CREAT" in call.flags and path not in self._now:
            self._move(_Rename(None, path, _File()))
        node = self._now.get(path)
        if node is not None:
            self._offsets[path] = 0
            if "O_TRUNC" in call.flags and node.now:
                node.change(0, None)

    _open = _openat

    def _pwrite(self, call: Call) -> None:
        node = self._now.get(call.paths[0])
        if node is not None:
            node.change(call.number, call.data[: call.result])

    def _write(self, call: Call) -> None:
        """Where nobody has told the offset, it is the end: sessions only append or begin anew."""
        node = self._now.get(call.paths[0])
        if node is not None:
            path = call.paths[0]
            at = len(node.now) if path.endswith("index.txt") else self._offsets.get(path, 0)
            node.change(at, call.data[: call.result])
            self._offsets[path] = at + call.result

    def _ftruncate(self, call: Call) -> None:
        node = self._now.get(call.paths[0])
        if node is not None:
            node.change(call.number, None)

    def _fsync(self, call: Call) -> None:
        path = call.paths[0]
        node = self._now.get(path)
        if node is not None:
            node.sync()
        else:
            self._settle(path)

    _fdatasync = _fsync

    def _mkdir(self, call: Call) -> None:
        self._move(_Rename(None, call.paths[0], None))

    def _unlink(self, call: Call) -> None:
        self._move(_Rename(call.paths[0], None, None))

    _mkdirat, _rmdir, _unlinkat = _mkdir, _unlink, _unlink

    def _rename(self, call: Call) -> None:
        self._move(_Rename(call.paths[0], call.paths[1], None))

    _renameat = _rename

    def _move(self, change: _Rename) -> None:
        if change.source is not None:
            change = change._replace(node=self._now[change.source])
        self._pending.append(change)
        _move(self._now, change)

    def _settle(self, directory: str) -> None:
        """Changes of names in a directory are on the disk, in their order."""
        left = []
        for change in self._pending:
            ends = [end for end in (change.source, change.target) if end is not None]
            if any(os.path.dirname(end) == directory for end in ends):
                _move(self._safe, change)
            else:
                left.append(change)
        self._pending = left

    def _sync_all(self) -> None:
        for node in self._now.values():
            if node is not None:
                node.sync()
        self._safe = dict(self._now)
        self._pending.clear()

    def after_a_cut(self, target: Path, chance: random.Random | None) -> None:
        """Write what a power failure leaves; without chance, nothing that was not synced."""
        names = dict(self._safe)
        for change in self._pending:
            if chance and chance.random() < 0.5:
                _move(names, change)
        for path, node in sorted(names.items()):
            place = target / os.path.relpath(path, self._root)
            with contextlib.suppress(FileExistsError):
                place.parent.mkdir(parents=True)
            if node is None:
                place.mkdir(exist_ok=True)
            elif str(Path(path).parent) == self._root or str(Path(path).parent) in names:
                place.write_bytes(node.after_a_cut(chance))


def _move(names: dict[str, _File | None], change: _Rename) -> None:
    """Move a name and what lies below it."""
    moved = {"": change.node}
    if change.source is not None:
        below = change.source + "/"
        for name in [each for each in names if each == change.source or each.startswith(below)]:
            moved[name[len(change.source) :]] = names.pop(name)
        moved[""] = change.node
    if change.target is not None:
        names.update((change.target + end, node) for end, node in moved.items())
