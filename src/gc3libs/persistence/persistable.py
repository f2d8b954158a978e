"""What an object needs so that a store can keep it."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec

from gc3libs.persistence.naming import class_name
from gc3libs.persistence.record import Summary

if TYPE_CHECKING:
    from gc3libs.persistence.store import Store


class Saved(msgspec.Struct, gc=False):
    """What a store notes on an object that it keeps: nobody else touches this.

    Attributes:
        store: The store.
        revision: Of the record that the object was loaded from, or saved as, last.
        session: UUID of the session that the object belongs to; empty if none.
        position: Its place there when it was saved; None for all but top-level tasks.
        created: When it was first saved; UTC, seconds since the epoch.
        payload: The state as it was loaded or saved last.
        plain: The state consists of values that cannot change in place.
        children: IDs of its children as the store has them.
    """

    store: Store
    revision: int
    session: str
    position: int | None
    created: float
    payload: bytes | None = None
    plain: bool = False
    children: Sequence[str] | None = None


class Persistable:
    """Base class of whatever is kept in a store by an ID of its own.

    An object inside another one's state that is a `Persistable`, too, is saved on its own, and
    replaced by a reference to its ID. What is pickled is the object's `__getstate__()`;
    `__setstate__` and slots mean what they mean to pickle. An object whose class has `__reduce__`,
    `__reduce_ex__`, `__getnewargs__`, `__getnewargs_ex__` or `__del__`, or a `__new__` that needs
    arguments, is refused when it is saved. No class can derive from a built-in type as well.

    Attributes:
        persistent_id: The ID; None until the object is saved.
        changed: The object differs from what the store has, as far as is known. Setting an
            attribute sets it; a new object is changed.

    >>> Persistable().persistent_id is None
    True
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_pending_blobs",
        "_saved",
        "_saved_members",
        "changed",
        "persistent_id",
    )

    persistent_id: str | None
    changed: bool
    _saved: Saved | None
    _saved_members: Sequence[Any] | None
    """What it owned when it was saved: objects, or the IDs of those that were not in memory."""
    _pending_blobs: dict[str, bytes] | None

    schema_version: ClassVar[int] = 1
    """Version of the state that `__getstate__` gives.

    Raise it with every change that `upgrade_state` has to mend.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        _set(self, "persistent_id", None)
        _set(self, "changed", True)
        _set(self, "_saved", None)
        _set(self, "_saved_members", None)
        _set(self, "_pending_blobs", None)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        _set(self, name, value)
        if name not in _BOOKKEEPING:
            _set(self, "changed", True)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        _set(self, "changed", True)

    @classmethod
    def upgrade_state(cls, state: Any, version: int) -> Any:
        """Turn the state that an earlier version of the class saved into one of today's.

        Called before `__setstate__` when `version`, under which the state was saved, is below
        `schema_version`.
        """
        return state

    def __getstate__(self) -> Any:
        slots = {name: getattr(self, name) for name in own_slots(type(self)) if hasattr(self, name)}
        return (self.__dict__, slots) if slots else self.__dict__

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Persistable) or self.persistent_id is None:
            return NotImplemented
        return self.persistent_id == other.persistent_id

    __hash__ = object.__hash__

    # what an object says of itself to the store

    def _summarize(self) -> Summary:
        """What can be known of the object without its class.

        `persistent_id` is set when this is called.
        """
        saved = self._saved
        assert self.persistent_id is not None
        if saved is None:
            return Summary(id=self.persistent_id, cls=class_name(type(self)))
        return Summary(
            id=self.persistent_id,
            cls=class_name(type(self)),
            session=saved.session,
            position=saved.position,
            created=saved.created,
        )

    def _set_home(self, home: str) -> None:
        """Called before the object is saved or restored: the directory of the store's session.

        Not called if there is no such directory.
        """

    def _details(self) -> bytes:
        """Plain data in MessagePack, for those who have the record and not the class."""
        return b""

    def _restore(self, summary: Summary, details: bytes) -> None:
        """Called after the state was set: summary and details win over what the state says."""

    def _owned(self) -> Sequence[Persistable] | None:
        """The objects that this one owns, in order; None if it is no owner.

        They are kept as a relation beside the record, and are to be left out of `__getstate__`.
        """
        return None

    def _session_of_owner(self) -> str:
        """UUID of its owner's session; empty if that is not known."""
        return ""

    def _set_owned(self, children: Sequence[Persistable]) -> None:
        """Called after `_restore` with what `_owned` gave.

        A sequence that loads its items when they are looked at.
        """

    def _lose(self, place: int) -> None:
        """Called when what it owns at this place was removed from the store."""
        owned = self._owned()
        if isinstance(owned, MutableSequence):
            del owned[place]

    def _keep_blob(self, name: str, data: bytes) -> None:
        """Have `data` written as a blob of its own, in one transaction with the next save."""
        self._pending_blobs = {**(self._pending_blobs or {}), name: data}
        self.changed = True

    def _blob(self, name: str) -> bytes | None:
        """A blob that the object has kept; None if there is none."""
        if self._pending_blobs and name in self._pending_blobs:
            return self._pending_blobs[name]
        if self._saved is None:
            return None
        return self._saved.store.read_blob(f"{self.persistent_id}/{name}")


_set = object.__setattr__
_BOOKKEEPING = frozenset(Persistable.__slots__)
_slots_of: dict[type, tuple[str, ...]] = {}


def own_slots(cls: type) -> tuple[str, ...]:
    """Attributes that users' classes have in slots; those of gc3libs' own are not kept."""
    found = _slots_of.get(cls)
    if found is None:
        found = _slots_of[cls] = tuple(
            name
            for base in cls.__mro__
            if base.__module__.partition(".")[0] != "gc3libs"
            for name, member in vars(base).items()
            if type(member) is MemberDescriptorType
        )
    return found
