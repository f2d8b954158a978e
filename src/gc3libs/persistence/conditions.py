"""Queries as conditions in SQL, where databases agree and where they do not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from gc3libs.persistence.columns import encode_tags
from gc3libs.persistence.record import Query, number_of, split_id

Parameters = Mapping[str, Any]
Condition = tuple[str, dict[str, Any]]

NONE: Parameters = MappingProxyType({})
NOTHING: Condition = ("1 = 0", {})


class Dialect(ABC):
    """What differs from database to database.

    Values travel as `:name` parameters, never inside the text.
    """

    for_update = " FOR UPDATE"
    """Makes a SELECT keep others from changing what it read until the transaction ends."""

    json_kept = False
    """Whether a column of JSON gives back what was written, to the letter."""

    @abstractmethod
    def quote(self, name: str) -> str:
        """A table's or column's name."""

    def read(self, column: str) -> str:
        """What to select in order to get the column's value as this package expects it."""
        return column

    def unindexed(self, column: str) -> str:
        """The column, in a way that does not tempt the database to use its index."""
        return column

    @abstractmethod
    def among(self, column: str, key: str, values: Collection[Any]) -> Condition:
        """The column's value is one of these; there is at least one."""

    @abstractmethod
    def class_name(self, column: str) -> str:
        """The last part of "module:Outer.Inner"."""

    @abstractmethod
    def fits(self, expression: str, key: str, pattern: str) -> Condition:
        """A shell pattern."""

    @abstractmethod
    def contains(self, column: str, key: str, text: str) -> Condition:
        """The text is part of the column's value, case included."""

    @abstractmethod
    def has_parameter(self, column: str, key: str, name: str, value: Any) -> Condition:
        """The JSON object has this name with a value that JSON calls equal."""


def where(query: Query, dialect: Dialect) -> Condition:
    """The query's conditions (`after` and `limit` aside), and their parameters."""
    texts = []
    parameters: dict[str, Any] = {}
    for text, values in _conditions(query, dialect):
        texts.append(text)
        parameters.update(values)
    return " AND ".join(f"({text})" for text in texts) or "1 = 1", parameters


def by_ids(ids: Collection[str], dialect: Dialect) -> Condition:
    """The rows with these numbers; prefixes are left to the caller to compare."""
    numbers = sorted({number_of(id_) for id_ in ids})
    return dialect.among("number", "numbers", numbers) if numbers else NOTHING


def _conditions(query: Query, dialect: Dialect) -> Iterator[Condition]:
    yield from _membership(query, dialect)
    if query.states:
        yield dialect.among("state", "states", query.states)
    if query.ok:
        yield "state = 'TERMINATED' AND returncode = 0", {}
    if query.failed:
        yield "state = 'TERMINATED' AND (returncode IS NULL OR returncode <> 0)", {}
    if query.returncode is not None:
        yield "returncode = :returncode", {"returncode": query.returncode}
    yield from _description(query, dialect)


def _membership(query: Query, dialect: Dialect) -> Iterator[Condition]:
    if query.session is not None:
        few = query.ids is not None or query.digests is not None
        column = dialect.unindexed("session") if few else "session"
        yield f"{column} = :session", {"session": query.session}
    if query.ids is not None:
        yield by_ids(query.ids, dialect)
        yield (
            dialect.among("prefix", "prefixes", {split_id(id_)[0] for id_ in query.ids})
            if query.ids
            else NOTHING
        )
    if query.top is not None:
        yield f"position IS {'NOT ' if query.top else ''}NULL", {}
    if query.leaf is not None:
        yield "leaf = :leaf", {"leaf": query.leaf}


def _description(query: Query, dialect: Dialect) -> Iterator[Condition]:
    if query.jobname is not None:
        name = f"CASE WHEN jobname <> '' THEN jobname ELSE {dialect.class_name('class')} END"
        yield dialect.fits(name, "jobname", query.jobname)
    for index, (name, value) in enumerate(query.parameters.items()):
        yield dialect.has_parameter("parameters", f"parameter{index}", name, value)
    if query.tag is not None:
        yield _has_tag(query.tag, dialect)
    if query.held is not None:
        yield "held = :held", {"held": query.held}
    if query.digests is not None:
        digests = sorted(set(query.digests) - {""})
        yield "digest <> ''", {}
        yield dialect.among("digest", "digests", digests) if digests else NOTHING


def _has_tag(tag: str, dialect: Dialect) -> Condition:
    """In the list a quoted tag follows a bracket or a comma; quotes in tags, a backslash."""
    quoted = encode_tags([tag])[1:-1]
    first, first_values = dialect.contains("tags", "first_tag", "[" + quoted)
    later, later_values = dialect.contains("tags", "later_tag", "," + quoted)
    return f"{first} OR {later}", first_values | later_values


def json_of(value: Any) -> str | None:
    """The value as JSON; None for what is no plain value, which equals nothing."""
    if value is not None and not isinstance(value, bool | int | float | str):
        return None
    return msgspec.json.encode(value).decode()
