"""Which resources a configuration speaks of, and of what kind each is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gc3libs.config._clusters import KINDS, Kind
from gc3libs.config._misspelt import nearest
from gc3libs.config._settings import LOCAL
from gc3libs.exceptions import InvalidSetting

_NAME = re.compile(r"[A-Za-z][\w-]*")


def resource_tables(origin: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Where, under which name and how a document speaks of resources but this machine."""
    tables = document.get("resources")
    if isinstance(tables, dict):
        for name, table in tables.items():
            if name != LOCAL:
                yield origin, name, table


def kinds_of(tables: Iterable[tuple[str, str, Any]]) -> dict[str, Kind]:
    """The kind of each resource; of several types, the last one holds.

    Raises:
        InvalidSetting: It is called as it cannot be, has a type that does not exist, or none.
    """
    kinds: dict[str, Kind] = {}
    first: dict[str, str] = {}
    for origin, name, table in tables:
        first.setdefault(name, origin)
        if not _NAME.fullmatch(name):
            reason = "a resource is called by letters, digits, - and _, a letter first"
            raise InvalidSetting(origin, f"resources.{name}", reason)
        if not isinstance(table, dict):
            raise InvalidSetting(
                origin, f"resources.{name}", f"this is a table: [resources.{name}]"
            )
        if "type" in table:
            kinds[name] = _kind(origin, name, table["type"])
    for name, origin in first.items():
        if name not in kinds:
            raise _untyped(origin, name)
    return kinds


def _kind(origin: str, name: str, word: Any) -> Kind:
    if isinstance(word, str) and word in KINDS:
        return KINDS[word]
    meant = nearest(str(word), KINDS)
    hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(KINDS)}"
    raise InvalidSetting(origin, f"resources.{name}.type", f"{word!r} will not do: {hint}")


def _untyped(origin: str, name: str) -> InvalidSetting:
    meant = nearest(name, [LOCAL])
    hint = f" Did you mean {meant!r}?" if meant else ""
    reason = f"what is it? Give it a type, one of {', '.join(KINDS)}.{hint}"
    return InvalidSetting(origin, f"resources.{name}", reason)
