"""The store's mirror of a session's index, which lets it answer for the session by itself.

Records of a session bear its UUID, and those of top-level tasks their place. A stamp in the same
store says of which content of the index that is true. It is set in one transaction with the
records, just before the index is written; when the two differ, somebody was interrupted in between,
or the index was edited, and the mirror is made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from gc3libs.exceptions import InvalidValue
from gc3libs.persistence import Query, Store
from gc3libs.persistence.record import Stamp, split_id
from gc3libs.session._index import Index

BATCH = 2000


class Claimed(Exception):
    """Another session's records are in the index. Never leaves this package."""


class Mirror:
    """The mirror of one session; `catch_up` needs the session's lock.

    Args:
        store: One that mirrors sessions.
        uuid: The session's.
        index: As of its last `refresh`.

    Attributes:
        place: Where the next task is to be placed; known once the mirror is in step.
    """

    def __init__(self, store: Store, uuid: str, index: Index) -> None:
        self._store = store
        self._uuid = uuid
        self._index = index
        self.place = 0

    def in_step(self) -> bool:
        """Whether the mirror is that of the index as it is."""
        found = self._store.stamp(self._uuid)
        if found is None:
            return not len(self._index)
        place = _noted(found, self._index.fingerprint)
        if place is None:
            return False
        self.place = place[0]
        return True

    def length(self, fingerprint: str) -> int | None:
        """How many IDs an index with this fingerprint has, if it is the one of the mirror."""
        noted = _noted(self._store.stamp(self._uuid) or "", fingerprint)
        return None if noted is None else noted[1]

    def stamp_with(self, ids: Sequence[str]) -> Stamp:
        """For the index with these IDs appended, placed from `place` on."""
        fingerprint = self._index.fingerprint_with(ids)
        return self._stamp(fingerprint, self.place + len(ids), len(self._index) + len(ids))

    def stamp(self) -> Stamp:
        """For the index as it is."""
        return self._stamp(self._index.fingerprint, self.place, len(self._index))

    def _stamp(self, fingerprint: str, place: int, length: int) -> Stamp:
        return Stamp(session=self._uuid, value=f"{fingerprint} {place} {length}")

    def catch_up(self) -> None:
        """Make the mirror anew from the index, if it is not in step.

        Raises:
            Claimed: That would take records away from another session.
        """
        if self.in_step():
            return
        out_of_step = self._stamp("none", 0, 0)
        self._store.withdraw(None, out_of_step)
        self.place = 0
        for ids in chunks(self._index, BATCH):
            known = existing(self._store, ids)
            if any(known.values()):
                raise Claimed
            there = [id_ for id_ in ids if id_ in known]
            self._store.enrol(there, self.place, out_of_step)
            self.place += len(there)
        self._store.withdraw([], self.stamp())


def _noted(stamp: str, fingerprint: str) -> tuple[int, int] | None:
    """The next place, and the number of IDs, if the stamp is that of this fingerprint."""
    found, *numbers = stamp.split(" ")
    if found != fingerprint:
        return None
    place, length = map(int, numbers)
    return place, length


def chunks(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """IDs in portions."""
    iterator = iter(ids)
    while chunk := list(islice(iterator, size)):
        yield chunk


def existing(store: Store, ids: Iterable[str]) -> dict[str, str]:
    """Those IDs that the store has, and the UUIDs of the sessions that they belong to."""
    possible = tuple(filter(is_id, ids))
    if not possible:
        return {}
    return {each.id: each.session for each in store.summaries(Query(ids=possible))}


def is_id(text: str) -> bool:
    """Whether this could be an ID: an index file may hold anything."""
    try:
        split_id(text)
    except InvalidValue:
        return False
    return True
