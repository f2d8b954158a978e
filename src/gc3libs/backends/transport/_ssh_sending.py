"""Copying files to a host over SFTP."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncssh

from gc3libs.backends.transport import _ssh_errors as errors
from gc3libs.backends.transport._ssh_files import (
    BLOCK,
    PATIENCE,
    Entry,
    Files,
    Status,
    each,
    name_beside,
    parent,
)


class Sending(Files):
    """Copies what is here."""

    async def put(self, copies: Sequence[tuple[str, str]]) -> None:
        """See `Transport.put`."""
        with errors.of_files_here():
            entries = [entry for copy in copies for entry in _tree(*copy, Path(copy[0]).stat())]
        directories = {entry.target for entry in entries if stat.S_ISDIR(entry.status.mode)}
        directories |= {parent(target) for _, target in copies}
        await self._make_directories(directories)
        await each(entries, self._put_one)

    async def _put_one(self, entry: Entry) -> None:
        source, target, here = entry
        async with self._about(target):
            if stat.S_ISLNK(here.mode):
                await self._put_link(source, target)
            elif stat.S_ISREG(here.mode):
                there = await self._status(target)
                if not here.is_same_file(there):
                    async with self._turn(here.size):
                        await self._send(entry)
                elif there is not None and there.permissions != here.permissions:
                    await self._sftp.chmod(target, here.permissions)

    async def _put_link(self, source: str, target: str) -> None:
        with errors.of_files_here():
            text = Path(source).readlink()
        beside = f"{parent(target)}/{name_beside(target)}"
        if await self._status(beside, follow=False) is not None:
            await self._sftp.remove(beside)
        await self._sftp.symlink(text, beside)
        await self._sftp.posix_rename(beside, target)

    async def _send(self, entry: Entry) -> None:
        with errors.of_files_here(), Path(entry.source).open("rb") as file:
            async with self._replacing(entry.target) as out:
                while block := file.read(BLOCK):
                    async with asyncio.timeout(PATIENCE):
                        await out.write(block)
                await out.setstat(_attributes(entry.status))


def _attributes(status: Status) -> asyncssh.SFTPAttrs:
    return asyncssh.SFTPAttrs(
        permissions=status.permissions, atime=status.mtime, mtime=status.mtime
    )


def _tree(source: str, target: str, found: os.stat_result) -> Iterator[Entry]:
    """Something that is here, and all that lies in it."""
    yield Entry(source, target, Status(found.st_mode, found.st_size, int(found.st_mtime)))
    if stat.S_ISDIR(found.st_mode):
        with os.scandir(source) as entries:
            for entry in entries:
                place = f"{target.rstrip('/')}/{entry.name}"
                yield from _tree(entry.path, place, entry.stat(follow_symlinks=False))
