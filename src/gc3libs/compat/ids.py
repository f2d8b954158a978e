"""IDs as old scripts make them themselves. A store gives its own, which look the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from gc3libs.compat.counter import progressive_number


class Id(str):
    """Text `PREFIX.NUMBER`, in order of prefix and number.

    >>> sorted([Id("Task", 10), Id("Task", 9)])
    ['Task.9', 'Task.10']
    """

    __slots__ = ("prefix", "seqno")

    prefix: str
    seqno: int

    def __new__(cls, prefix: str, seqno: int) -> Id:
        self = super().__new__(cls, f"{prefix}.{seqno}")
        self.prefix, self.seqno = prefix, seqno
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.prefix, self.seqno

    def __lt__(self, other: str) -> bool:
        return _key(self) < _key(other)

    def __le__(self, other: str) -> bool:
        return _key(self) <= _key(other)

    def __gt__(self, other: str) -> bool:
        return _key(self) > _key(other)

    def __ge__(self, other: str) -> bool:
        return _key(self) >= _key(other)


def _key(id_: str) -> tuple[str, int]:
    return (id_.prefix, id_.seqno) if isinstance(id_, Id) else (id_, -1)


class IdFactory:
    """Makes IDs.

    Args:
        prefix: Of all IDs; None: the name of each object's class.
        next_id_fn: Gives the next number, or as many as it is asked for, as a list; None:
            `gc3libs.utils.progressive_number`.
        id_class: Called with prefix and number.
    """

    def __init__(
        self,
        prefix: str | None = None,
        next_id_fn: Callable[..., Any] | None = None,
        id_class: Callable[[str, int], Any] = Id,
    ) -> None:
        self._prefix = prefix
        self._next = next_id_fn or progressive_number
        self._id_class = id_class
        self._reserved: deque[int] = deque()

    def reserve(self, n: int) -> None:
        """Take the next `n` numbers at once, for the next calls of `new`."""
        self._reserved.extend(self._next(n))

    def new(self, obj: object) -> Any:
        """The ID of an object."""
        number = self._reserved.popleft() if self._reserved else self._next()
        return self._id_class(self._prefix or type(obj).__name__, number)


class JobIdFactory(IdFactory):
    """Makes IDs that begin with the name of the object's class.

    Args:
        next_id_fn: As for `IdFactory`.
    """

    def __init__(self, next_id_fn: Callable[..., Any] | None = None) -> None:
        super().__init__(None, next_id_fn)
