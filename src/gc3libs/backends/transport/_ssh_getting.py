"""Copying files from a host over SFTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import cast

import asyncssh

from gc3libs._atomic import write_all
from gc3libs.backends.transport import _ssh_errors as errors
from gc3libs.backends.transport._ssh_files import (
    BLOCK,
    GONE,
    PATIENCE,
    Entry,
    Files,
    Status,
    each,
    name_beside,
    parent,
    status_of,
)

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Getting(Files):
    """Copies what is there."""

    async def get(self, copies: Sequence[tuple[str, str]]) -> list[str]:
        """See `Transport.get`."""
        gone: set[str] = set()
        found: list[Entry] = []

        async def look(copy: tuple[str, str]) -> None:
            async with self._about(copy[0]):
                status = await self._status(copy[0])
            if status is None:
                gone.add(copy[0])
            else:
                found.append(Entry(*copy, status))

        async def fetch(entry: Entry) -> None:
            async with self._about(entry.source):
                try:
                    await self._get_one(entry)
                except GONE:
                    gone.add(entry.source)

        await each(copies, look)
        await each(await self._with_contents(found), fetch)
        return [source for source, _ in copies if source in gone]

    async def _with_contents(self, entries: list[Entry]) -> list[Entry]:
        """These, and all that lies in those that are directories, which are made here."""
        found = list(entries)
        inside: list[Entry] = []

        async def look(directory: Entry) -> None:
            async with self._about(directory.source):
                with contextlib.suppress(*GONE):
                    inside.extend(await self._contents(directory))

        while entries:
            with errors.of_files_here():
                _make_places(entries)
            await each([each for each in entries if stat.S_ISDIR(each.status.mode)], look)
            found += inside
            entries, inside = inside, []
        return found

    async def _contents(self, directory: Entry) -> list[Entry]:
        source, target, _ = directory
        return [
            Entry(f"{source}/{name}", f"{target}/{name}", status_of(each.attrs))
            for each in await self._sftp.readdir(source)
            if (name := str(each.filename)) not in (".", "..") and "/" not in name
        ]

    async def _get_one(self, entry: Entry) -> None:
        there, target = entry.status, Path(entry.target)
        if stat.S_ISLNK(there.mode):
            text = str(await self._sftp.readlink(entry.source))
            with errors.of_files_here():
                _replace_link(target, text)
        elif stat.S_ISREG(there.mode):
            here = _status_here(target)
            if not there.is_same_file(here):
                async with self._turn(there.size):
                    await self._receive(entry)
            elif here is not None and here.permissions != there.permissions:
                target.chmod(there.permissions)

    async def _receive(self, entry: Entry) -> None:
        mtime = entry.status.mtime
        async with await self._open(entry.source) as file:
            with errors.of_files_here(), _replacing_here(Path(entry.target)) as out:
                async for block in _blocks(file, entry.status.size):
                    write_all(out, block)
                os.fchmod(out, entry.status.permissions)
                os.utime(out, (mtime, mtime))


async def _blocks(file: asyncssh.SFTPClientFile, size: int) -> AsyncIterator[bytes]:
    """What is in a file of this size."""
    for offset in range(0, size, BLOCK):
        async with asyncio.timeout(PATIENCE):
            yield cast(bytes, await file.read(min(BLOCK, size - offset), offset))


def _status_here(path: Path) -> Status | None:
    """What is here; None if nothing is."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return Status(found.st_mode, found.st_size, int(found.st_mtime))


def _make_places(entries: list[Entry]) -> None:
    """Make those that are directories, and those that the others lie in."""
    directories = {
        entry.target if stat.S_ISDIR(entry.status.mode) else parent(entry.target)
        for entry in entries
    }
    for directory in directories:
        Path(directory).mkdir(parents=True, exist_ok=True)


def _beside(path: Path) -> Path:
    """The path of a file until it is whole; a part left by somebody who was cut off is removed."""
    beside = path.with_name(name_beside(path.name))
    beside.unlink(missing_ok=True)
    return beside


def _replace_link(path: Path, text: str) -> None:
    beside = _beside(path)
    beside.symlink_to(text)
    beside.replace(path)


@contextlib.contextmanager
def _replacing_here(path: Path) -> Iterator[int]:
    """A file to write to, which takes the place of another one once all is well."""
    beside = _beside(path)
    fd = os.open(beside, _CREATE, 0o600)
    try:
        try:
            yield fd
        finally:
            os.close(fd)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
