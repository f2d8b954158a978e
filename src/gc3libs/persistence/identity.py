"""Which objects of a store the program holds: the same ID gives the same object."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

from gc3libs.persistence.persistable import Persistable

_SLACK = 4096
"""Entries of objects that are gone which may pile up before they are swept out."""


class IdentityMap:
    """Objects by ID, without keeping them alive.

    Entries of objects that are gone are swept out now and then instead of one by one, which makes a
    loop over a million objects a good deal faster than a `WeakValueDictionary` would.
    """

    def __init__(self) -> None:
        self._references: dict[str, weakref.ref[Persistable]] = {}
        self._sweep_at = _SLACK

    def get(self, id_: str) -> Persistable | None:
        """The object with this ID, if the program holds it."""
        reference = self._references.get(id_)
        return None if reference is None else reference()

    def put(self, id_: str, obj: Persistable) -> None:
        """Have `obj` be the object with this ID."""
        references = self._references
        references[id_] = weakref.ref(obj)
        if len(references) >= self._sweep_at:
            self._sweep()

    def pop(self, id_: str) -> Persistable | None:
        """Forget the object with this ID, and give it, if the program holds it."""
        reference = self._references.pop(id_, None)
        return None if reference is None else reference()

    def clear(self) -> None:
        """Forget all objects."""
        self._references.clear()

    def objects(self) -> list[Persistable]:
        """The objects that the program holds."""
        return [obj for reference in self._references.values() if (obj := reference()) is not None]

    def __iter__(self) -> Iterator[str]:
        entries = tuple(self._references.items())
        return (id_ for id_, reference in entries if reference() is not None)

    def _sweep(self) -> None:
        self._references = {
            id_: reference for id_, reference in self._references.items() if reference() is not None
        }
        self._sweep_at = 2 * len(self._references) + _SLACK
