"""Directories for jobs that bring no files: one that a job left empty serves the next."""

from __future__ import annotations

import os

JOBS = "jobs"

_POOL = "scratch"


class Scratch:
    """Hands out empty directories; all names are relative to the work directory."""

    def __init__(self) -> None:
        self._free: list[str] = []
        self._count = 0
        if os.path.isdir(_POOL):  # noqa: PTH112
            names = os.listdir(_POOL)  # noqa: PTH208
            self._count = max([int(name) for name in names if name.isdigit()], default=0)

    def take(self) -> str:
        """An empty directory."""
        if self._free:
            return self._free.pop()
        self._count += 1
        path = f"{_POOL}/{self._count}"
        try:
            os.mkdir(path)  # noqa: PTH102
        except FileNotFoundError:
            os.mkdir(_POOL)  # noqa: PTH102
            os.mkdir(path)  # noqa: PTH102
        return path

    def give_back(self, path: str, token: str) -> str:
        """Where a job's files are now that it has ended: `""` if it left none."""
        try:
            if not os.listdir(path):  # noqa: PTH208
                self._free.append(path)
                return ""
        except OSError:
            return ""  # the job removed its directory, or made it unreadable
        return keep(path, token)

    def clear(self) -> None:
        """Remove the directories that nobody uses."""
        for path in (*self._free, _POOL):
            remove_empty(path)


def keep(path: str, token: str) -> str:
    """Move a directory from the pool to where it is kept under a token, unless it is empty."""
    if not path.startswith(_POOL + "/"):
        return path
    if remove_empty(path):
        return ""
    kept = f"{JOBS}/{token}"
    try:
        os.rename(path, kept)  # noqa: PTH104
    except FileNotFoundError:
        if os.path.isdir(kept):  # noqa: PTH112
            return kept
        if not os.path.isdir(path):  # noqa: PTH112
            return ""
        os.mkdir(JOBS)  # noqa: PTH102
        os.rename(path, kept)  # noqa: PTH104
    except OSError:
        return path
    return kept


def remove_empty(path: str) -> bool:
    """Remove an empty directory; False if it is not empty, or not there."""
    try:
        os.rmdir(path)  # noqa: PTH106
    except OSError:
        return False
    return True
