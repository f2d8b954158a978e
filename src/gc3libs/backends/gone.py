"""What stands for a resource that has jobs, and is not configured any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from gc3libs.backends.base import (
    Backend,
    Capacity,
    Fetched,
    FetchRequest,
    JobRefused,
    JobSpec,
    Report,
)
from gc3libs.exceptions import ResourceGone


class GoneBackend(Backend):
    """Raises `ResourceGone` whatever it is asked: nobody can know what its jobs do."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _refuse(self) -> NoReturn:
        raise ResourceGone(self.name)

    @property
    def capacity(self) -> Capacity:
        """None."""
        return Capacity(cores=0, memory=0, window=0)

    def submit(self, jobs: Sequence[JobSpec]) -> list[JobRefused | None]:
        self._refuse()

    def poll(self, tokens: Collection[str], timeout: float = 0.0) -> list[Report]:
        self._refuse()

    def adopt(self, tokens: Collection[str]) -> dict[str, Report]:
        self._refuse()

    def tokens(self) -> set[str]:
        self._refuse()

    def cancel(self, tokens: Collection[str]) -> None:
        self._refuse()

    def fetch(self, requests: Sequence[FetchRequest]) -> list[Fetched]:
        self._refuse()

    def peek(self, token: str, what: str, offset: int = 0, size: int | None = None) -> bytes:
        self._refuse()

    def free(self, tokens: Collection[str], *, keep_directory: bool = False) -> None:
        self._refuse()

    def describe(self) -> Mapping[str, Any]:
        self._refuse()

    def close(self) -> None:
        """Nothing was opened."""
