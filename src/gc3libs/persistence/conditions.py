"""Queries as conditions in SQL, where databases agree and where they do not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from gc3libs._clock import SYSTEM
from gc3libs.persistence.columns import encode_tags
from gc3libs.persistence.record import Comparison, Fact, Query, number_of, split_id

Parameters = Mapping[str, Any]
Condition = tuple[str, dict[str, Any]]

NONE: Parameters = MappingProxyType({})
NOTHING: Condition = ("1 = 0", {})
ANYTHING: Condition = ("1 = 1", {})


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

    def compares_text(self, expression: str, key: str, comparison: Comparison) -> Condition | None:
        """A text compared with another; None: the database would do it in another way."""
        if comparison.operator != "==":
            return None
        return f"{expression} = :{key}", {key: comparison.value}

    def compares_parameter(self, column: str, key: str, comparison: Comparison) -> Condition | None:
        """A member of the JSON object compared, perhaps more generously; None: not possible."""
        return None

    def order_by(self, fact: Fact) -> tuple[Sequence[str], dict[str, Any]] | None:
        """Expressions that bring rows into the order of a fact; None: not possible."""
        return None


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
        yield dialect.fits(text_of("name", dialect), "jobname", query.jobname)
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
    for place, group in enumerate(query.where):
        yield _any_of(f"where{place}", group, dialect)


def _has_tag(tag: str, dialect: Dialect) -> Condition:
    """In the list a quoted tag follows a bracket or a comma; quotes in tags, a backslash."""
    quoted = encode_tags([tag])[1:-1]
    first, first_values = dialect.contains("tags", "first_tag", "[" + quoted)
    later, later_values = dialect.contains("tags", "later_tag", "," + quoted)
    return f"{first} OR {later}", first_values | later_values


# comparisons

NUMBERS: Final[Mapping[str, str]] = {
    **{
        name: name
        for name in (
            "number",
            "returncode",
            "attempt",
            "created",
            "changed",
            "started",
            "ended",
            "cpu_time",
            "memory",
        )
    },
    "exitcode": "((returncode >> 8) & 255)",
    "signal": "(returncode & 127)",
    "held": "CASE WHEN held THEN 1 ELSE 0 END",
    "duration": (
        "CASE WHEN ended < started THEN 0 WHEN ended >= started THEN ended - started"
        " WHEN state = 'RUNNING' AND changed > :now THEN 0"
        " WHEN state = 'RUNNING' AND changed > 0 THEN :now - changed END"
    ),
}
"""Facts that are numbers, as expressions."""

EXACT: Final = 2**53
"""Up to which numbers are the same as integers and as decimals."""

TEXTS: Final = frozenset({"state", "name", "resource", "info"})
"""Facts that are texts."""

_SQL: Final = {"==": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def text_of(name: str, dialect: Dialect) -> str:
    """A fact that is a text, as an expression."""
    if name == "name":
        return f"CASE WHEN jobname <> '' THEN jobname ELSE {dialect.class_name('class')} END"
    return name


def moment(expression: str) -> dict[str, Any]:
    """The parameter that an expression needs if it depends on the time."""
    return {"now": SYSTEM.now()} if ":now" in expression else {}


def _any_of(key: str, group: Sequence[Comparison], dialect: Dialect) -> Condition:
    texts = []
    parameters: dict[str, Any] = {}
    for place, comparison in enumerate(group):
        found = _comparison(f"{key}_{place}", comparison, dialect)
        if found is None:
            return ANYTHING
        texts.append(f"({found[0]})")
        parameters.update(found[1])
    return (" OR ".join(texts), parameters) if texts else NOTHING


def _comparison(key: str, comparison: Comparison, dialect: Dialect) -> Condition | None:
    """None if the database cannot tell."""
    fact, value = comparison.fact, comparison.value
    if isinstance(value, str) and not value.isprintable():
        return None
    if fact.parameter and (isinstance(value, str) or abs(value) <= EXACT):
        return dialect.compares_parameter("parameters", key, comparison)
    if fact.name in TEXTS and isinstance(value, str):
        return dialect.compares_text(text_of(fact.name, dialect), key, comparison)
    if fact.name not in NUMBERS or isinstance(value, str) or abs(value) > EXACT:
        return None
    expression = NUMBERS[fact.name]
    values = {key: int(value) if isinstance(value, bool) else value} | moment(expression)
    if comparison.operator == "!=":
        return f"({expression} = :{key}) IS NOT TRUE", values
    return f"{expression} {_SQL[comparison.operator]} :{key}", values


def json_of(value: Any) -> str | None:
    """The value as JSON; None for what is no plain value, which equals nothing."""
    if value is not None and not isinstance(value, bool | int | float | str):
        return None
    return msgspec.json.encode(value).decode()
