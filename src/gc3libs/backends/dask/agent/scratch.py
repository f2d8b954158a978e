"""Directories for jobs that bring no files: one that a job has left empty serves the next."""

from __future__ import annotations

import os

from gc3libs.backends.dask import layout


class Scratch:
    """Hands out empty directories of an agent's own; names are relative to the work directory."""

    def __init__(self, agent: str) -> None:
        self._pool = f"{layout.SCRATCH}/{agent}"
        self._free: list[str] = []
        self._count = 0

    def take(self) -> str:
        """An empty directory."""
        if self._free:
            return self._free.pop()
        self._count += 1
        path = f"{self._pool}/{self._count}"
        os.makedirs(path)  # noqa: PTH103
        return path

    def give_back(self, path: str, token: str) -> str:
        """Where a job's files are now that it has ended: `""` if it has left none."""
        try:
            if os.listdir(path):  # noqa: PTH208
                return self._keep(path, token)
        except OSError:
            return ""  # the job has removed its directory, or made it unreadable
        self._free.append(path)
        return ""

    def _keep(self, path: str, token: str) -> str:
        kept = f"{layout.JOBS}/{token}"
        os.makedirs(layout.JOBS, exist_ok=True)  # noqa: PTH103
        try:
            os.rename(path, kept)  # noqa: PTH104
        except OSError:
            return path
        return kept

    def clear(self) -> None:
        """Remove what nobody uses."""
        for path in (*self._free, self._pool, layout.SCRATCH):
            try:
                os.rmdir(path)  # noqa: PTH106
            except OSError:
                continue
