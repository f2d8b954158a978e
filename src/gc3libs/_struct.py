"""A mapping that is its own attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any


class Struct(MutableMapping[str, Any]):
    """Attributes and items are the same thing.

        >>> point = Struct(x=1)
        >>> point["y"] = 2
        >>> point.y, point.keys(), "z" in point
        (2, ['x', 'y'], False)

    Only what is kept in the instance counts as an item: neither class attributes nor properties
    do, though an item is set and deleted like the attribute of its name.

    Args:
        initializer: A mapping, or pairs of name and value.
        **items: More of them.
    """

    def __init__(
        self,
        initializer: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        **items: Any,
    ) -> None:
        self.update(() if initializer is None else initializer, **items)

    def __getitem__(self, name: str) -> Any:
        return self.__dict__[name]

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self.__dict__:
            raise KeyError(name)
        delattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __len__(self) -> int:
        return len(self.__dict__)

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __repr__(self) -> str:
        items = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({items})"

    def keys(self) -> list[str]:  # type: ignore[override]  # scripts index it
        """The names, in the order in which they were first set."""
        return list(self.__dict__)

    def copy(self) -> Struct:
        """A plain `Struct` of the same items, each of them shared."""
        return Struct(self.__dict__)
