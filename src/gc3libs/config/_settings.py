"""Which settings there are, what values they take, and their defaults: the one place for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from gc3libs.quantity import Memory

Count = Annotated[int, msgspec.Meta(ge=1)]
Limit = Annotated[int, msgspec.Meta(ge=0)]
Package = Annotated[str, msgspec.Meta(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*\Z")]

USER_ONLY = frozenset({"trust"})
"""Keys that decide which code runs here: a directory from somebody else must not set them."""


class LocalResource(msgspec.Struct, frozen=True, kw_only=True):
    """This machine, as a place where tasks run."""

    cores: Count | None = None
    """How many cores tasks use together; None: all that this process may use."""
    memory: Memory | None = None
    """How much memory tasks use together; None: all that the machine has."""


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Where tasks run."""

    local: LocalResource = LocalResource()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings.

    >>> settings = Settings()
    >>> settings.max_in_flight, settings.resources.local.cores
    (0, None)
    """

    max_in_flight: Limit = 0
    """How many tasks are submitted or running at the same time; 0: no limit."""
    max_submitted: Limit = 0
    """How many tasks are submitted and not yet running at the same time; 0: no limit."""
    resources: Resources = Resources()
    trust: tuple[Package, ...] = ()
    """Packages whose classes may be loaded from sessions; see `gc3libs.trust`."""
    origins: dict[str, str] = {}
    """Where each value that is not a default comes from, by dotted key."""

    def items(self) -> Iterator[tuple[str, Any, str]]:
        """Dotted key, value and origin of each setting, by key.

        >>> [key for key, value, origin in Settings().items() if origin != "default"]
        []
        """
        for key in sorted(KEYS):
            value: Any = self
            for name in key.split("."):
                value = getattr(value, name)
            yield key, value, self.origins.get(key, "default")


def _keys(table: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(table):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _keys(field.type, f"{prefix}{field.name}.")
        elif field.name != "origins":
            yield prefix + field.name, field.type


KEYS: dict[str, Any] = dict(_keys(Settings))
"""The type of each setting, by dotted key."""
