"""Streams that no job declared: read through pipes, the first 10 MB of each kept in a file."""

from __future__ import annotations

import os

LIMIT = 10_000_000
DIRECTORY = "logs"

_CHUNK = 65536
_DRAIN = 32  # chunks: twice what a pipe can be made to hold


class Capture:
    """One stream of one job; its file is made when something is written."""

    __slots__ = ("_file", "_kept", "_name", "fd")

    def __init__(self, fd: int, name: str) -> None:
        self.fd = fd
        self._name = name
        self._file = -1
        self._kept = 0

    def read(self) -> bool:
        """Take in what is there, or a part of it; False at the end of the stream."""
        try:
            data = os.read(self.fd, _CHUNK)
        except BlockingIOError:
            return True
        if data:
            self._keep(data)
        return bool(data)

    def finish(self) -> None:
        """Take in what the job still left in the pipe, and close everything.

        Whoever else holds the pipe (a process that left the job's group) is not waited for.
        """
        for _ in range(_DRAIN):
            try:
                data = os.read(self.fd, _CHUNK)
            except BlockingIOError:
                break
            if not data:
                break
            self._keep(data)
        os.close(self.fd)
        if self._file >= 0:
            os.close(self._file)

    def _keep(self, data: bytes) -> None:
        if self._kept > LIMIT:
            return
        room = LIMIT - self._kept
        self._kept += len(data)
        if len(data) > room:
            data = data[:room] + b"\n[gc3: only the first 10 MB were kept]\n"
        try:
            if self._file < 0:
                self._file = _create(f"{DIRECTORY}/{self._name}")
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:
            self._kept = LIMIT + 1  # a full disk: the job goes on without its log


def _create(name: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        return os.open(name, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(DIRECTORY, exist_ok=True)  # noqa: PTH103
        return os.open(name, flags, 0o666)
