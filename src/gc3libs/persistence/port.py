"""What a new kind of store has to write.

Primitives that move records and know nothing of objects.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gc3libs.exceptions import LoadError
from gc3libs.persistence import query as queries
from gc3libs.persistence.record import (
    Guard,
    Query,
    Record,
    Stamp,
    StateCount,
    Summary,
    Totals,
)

_NO_COLUMNS: Mapping[str, Any] = {}


class StorePrimitives(ABC):
    """What a new kind of store has to write."""

    url: str
    """As `make_store` takes it; never holds a password."""

    mirrors_sessions = False
    """It keeps `session` and `position` of its records.

    A `Query` by session is then answered in the order of the session's index, at the store's own
    speed. Otherwise sessions list IDs.
    """

    @abstractmethod
    def _reserve(self, count: int) -> int:
        """The first of `count` consecutive numbers; nobody else was, or will be, given them."""

    @abstractmethod
    def _read(self, ids: Sequence[str]) -> dict[str, Record | LoadError]:
        """The records of `ids`. What is not there is absent; a damaged one is a `LoadError`.

        Their `children` are left to `_read_children`.
        """

    @abstractmethod
    def _write(
        self,
        records: Sequence[Record],
        *,
        guard: Guard | None = None,
        blobs: Mapping[str, bytes] = {},
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        """Write all or, as far as the medium can, nothing.

        A record of revision 1 must not exist yet; one of revision r + 1 replaces revision r.
        When it returns, a killed process loses none of it; if `durable`, a power failure loses none
        of it (nor of what was written before).
        A new record brings its `session` and `position`; a replaced one keeps those that it has in
        the store. Records come with `children` where the relation is to be rewritten, None where it
        stays. `stamp` is set in the same transaction.

        Raises:
            Conflict: A record had another revision. Nothing was written.
            LeaseLost: The guard's epoch is no longer the session's. Nothing was written.
            StoreUnavailable: The medium cannot be reached, is full or read-only; says which.
        """

    @abstractmethod
    def _delete(
        self,
        ids: Sequence[str],
        *,
        guard: Guard | None = None,
        stamp: Stamp | None = None,
        durable: bool = False,
    ) -> None:
        """Remove records, the relations they are in, and their blobs.

        Those are the ones whose key begins with an ID and a slash. What is not there is no error.
        """

    @abstractmethod
    def _ids(self) -> Iterator[str]:
        """All IDs, by number."""

    @abstractmethod
    def _read_children(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """IDs of what these objects own, in order; an owner of nothing may be absent."""

    def _read_owners(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """IDs of what owns these objects. A subclass that can look it up overrides this search."""
        wanted = frozenset(ids)
        owners: dict[str, list[str]] = {}
        for parent, children in self._read_children(list(self._ids())).items():
            for child in wanted.intersection(children):
                owners.setdefault(child, []).append(parent)
        return owners

    @abstractmethod
    def _summaries(self, query: Query) -> Iterator[Summary]:
        """Summaries, by (position, number), those without position last.

        Damaged ones are left out, logged. A subclass without a query language filters with
        `gc3libs.persistence.query.matches`.
        """

    @abstractmethod
    def _counts(self, query: Query) -> list[StateCount]:
        """How many summaries the query selects, by state and returncode."""

    def _totals(self, query: Query) -> Totals:
        """What those that the query selects have used; `after` and `limit` are not given."""
        return queries.totals(self._summaries(query))

    @abstractmethod
    def _read_blob(self, key: str) -> bytes | None:
        """A blob as `_write` was given it; None if there is none."""

    @abstractmethod
    def _sync(self) -> None:
        """When it returns, a power failure loses nothing of what was written before."""

    @abstractmethod
    def _dispose(self) -> None:
        """Let go of connections and files; called once."""

    def _extra_columns(self, obj: Any) -> Mapping[str, Any]:
        """Values, for an object, of columns that the user has added."""
        return _NO_COLUMNS

    # sessions: a store that mirrors them overrides these four

    def _enrol(  # noqa: B027  # optional
        self, ids: Sequence[str], position: int, stamp: Stamp
    ) -> None:
        """Make existing records top-level tasks of a session, at `position` and following.

        Set its stamp.
        """

    def _withdraw(  # noqa: B027  # optional
        self, ids: Sequence[str] | None, stamp: Stamp
    ) -> None:
        """Take records (None: all) out of a session, at whatever level; set its stamp."""

    def _stamp(self, session: str) -> str | None:
        """The stamp that was last set for a session."""
        return None

    def _set_epoch(  # noqa: B027  # optional
        self, guard: Guard
    ) -> None:
        """From now on writes for this session need this epoch.

        Must be durable against a killed process.
        """
