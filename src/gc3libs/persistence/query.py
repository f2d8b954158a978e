"""What a `Query` means.

For stores without a query language; for those that have one, the yardstick.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gc3libs.persistence.facts import holds, sort_key
from gc3libs.persistence.record import Query, StateCount, Summary, Totals, split_id

NO_POSITION = 2**63 - 1
"""Stands for "no position" in the order of results, so that those without one come last."""

Predicate = Callable[[Summary], bool]


def order_key(summary: Summary) -> tuple[int, int]:
    """Where a summary stands in every result; also what `Query.after` is compared with."""
    position = NO_POSITION if summary.position is None else summary.position
    return position, split_id(summary.id)[1]


def matches(summary: Summary, query: Query) -> bool:
    """Does the summary fulfil every condition of the query (order, `after`, `limit` aside)?"""
    return predicate(query)(summary)


def predicate(query: Query) -> Predicate:
    """The query as a function, for use on many summaries.

    >>> predicate(Query(jobname="fit-*"))(Summary(id="Fit.1", cls="m:Fit", jobname="fit-1"))
    True
    """
    conditions = [*_membership(query), *_outcome(query), *_description(query)]
    return lambda summary: all(condition(summary) for condition in conditions)


def select(summaries: Iterable[Summary], query: Query) -> list[Summary]:
    """Those that the query selects, in order."""
    wanted = filter(predicate(query), summaries)
    if query.after is not None:
        after = tuple(query.after)
        wanted = filter(lambda summary: order_key(summary) > after, wanted)
    return arranged(wanted, query)


def arranged(summaries: Iterable[Summary], query: Query) -> list[Summary]:
    """The first ones in the order of the query."""
    key: Callable[[Summary], Any] = order_key
    if query.order is not None:
        by_fact = sort_key(query.order)
        key = lambda summary: (by_fact(summary), order_key(summary))  # noqa: E731
    if query.limit is None:
        return sorted(summaries, key=key, reverse=query.reverse)
    first = heapq.nlargest if query.reverse else heapq.nsmallest
    return first(query.limit, summaries, key=key)


def totals(summaries: Iterable[Summary]) -> Totals:
    """What they have used."""
    count, times = 0, []
    for count, each in enumerate(summaries, start=1):  # noqa: B007  # the last one counts
        if each.cpu_time is not None:
            times.append(each.cpu_time)
    return Totals(count, len(times), math.fsum(times))


def count(summaries: Iterable[Summary]) -> list[StateCount]:
    """How many there are by state and returncode, in the order of `in_order`."""
    counter = Counter((summary.state, summary.returncode) for summary in summaries)
    counts = [StateCount(state, returncode, n) for (state, returncode), n in counter.items()]
    return in_order(counts)


def in_order(counts: Iterable[StateCount]) -> list[StateCount]:
    """Counts by state, then returncode; an unknown one comes first."""
    return sorted(counts, key=lambda c: (c.state, c.returncode is not None, c.returncode or 0))


def _membership(query: Query) -> Iterator[Predicate]:
    if query.session is not None:
        yield lambda s: s.session == query.session
    if query.ids is not None:
        ids = frozenset(query.ids)
        yield lambda s: s.id in ids
    if query.top is not None:
        yield lambda s: (s.position is not None) is query.top
    if query.leaf is not None:
        yield lambda s: s.leaf is query.leaf


def _outcome(query: Query) -> Iterator[Predicate]:
    if query.states:
        states = frozenset(query.states)
        yield lambda s: s.state in states
    if query.ok:
        yield lambda s: s.ok
    if query.failed:
        yield lambda s: s.failed
    if query.returncode is not None:
        yield lambda s: s.returncode == query.returncode


def _description(query: Query) -> Iterator[Predicate]:
    if query.jobname is not None:
        fits = glob(query.jobname)
        yield lambda s: fits(s.name)
    if query.parameters:
        yield lambda s: _has_parameters(s.parameters, query.parameters)
    if query.tag is not None:
        yield lambda s: query.tag in s.tags
    if query.held is not None:
        yield lambda s: s.held is query.held
    if query.digests is not None:
        digests = frozenset(query.digests) - {""}
        yield lambda s: s.digest in digests
    for group in query.where:
        yield lambda s, group=group: any(holds(s, each) for each in group)  # type: ignore[misc]


def _has_parameters(have: dict[str, Any], want: Any) -> bool:
    return all(name in have and same_value(have[name], value) for name, value in want.items())


def same_value(one: Any, other: Any) -> bool:
    """Equal as JSON compares: a number equals a number, never a truth value.

    >>> same_value(1, 1.0), same_value(1, True), same_value(None, 0)
    (True, False, False)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


# patterns, as the shell's


def glob(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether a name fits the pattern."""
    regex = glob_to_regex(pattern)
    if regex is None:
        return lambda name: False
    compiled = re.compile(regex, re.DOTALL)
    return lambda name: compiled.fullmatch(name) is not None


def glob_to_regex(pattern: str) -> str | None:
    r"""The pattern as a regular expression of Python, PostgreSQL and MariaDB, without anchors.

    Returns:
        None if nothing fits the pattern.

    >>> glob_to_regex("fit-?[!a-c]*.dat")
    'fit\\-.[^a-c].*\\.dat'
    """
    parts: list[str] = []
    for token in _tokens(pattern):
        match token:
            case "*":
                parts.append(".*")
            case "?":
                parts.append(".")
            case str(char):
                parts.append(_escaped(char[-1]))
            case (negated, ranges) if ranges:
                body = "".join(_regex_range(low, high) for low, high in ranges)
                parts.append(f"[{'^' if negated else ''}{body}]")
            case (negated, _):
                if not negated:
                    return None
                parts.append(".")
    return "".join(parts)


def glob_to_sqlite(pattern: str) -> str | None:
    """The pattern for SQLite's GLOB; None if nothing fits.

    >>> glob_to_sqlite("a[!b]*[[]")
    'a[^b]*[[]'
    """
    parts: list[str] = []
    for token in _tokens(pattern):
        match token:
            case "*" | "?":
                parts.append(token)
            case str(char):
                parts.append(f"[{char[-1]}]" if char[-1] in "*?[" else char[-1])
            case (negated, ranges) if ranges:
                parts.append(_sqlite_set(negated, ranges))
            case (negated, _):
                if not negated:
                    return None
                parts.append("?")
    return "".join(parts)


def _tokens(pattern: str) -> Iterator[str | tuple[bool, list[tuple[str, str]]]]:
    r"""`*`, `?`, a literal character after a backslash, or a set (negated, ranges)."""
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char in "*?":
            yield char
            continue
        negated = char == "[" and pattern[at : at + 1] == "!"
        start = at + negated
        end = pattern.find("]", start + 1) if char == "[" else -1
        if end < 0:
            yield "\\" + char
        else:
            yield negated, _ranges(pattern[start:end])
            at = end + 1


def _ranges(body: str) -> list[tuple[str, str]]:
    ranges = []
    at = 0
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            low, high = body[at], body[at + 2]
            at += 3
        else:
            low = high = body[at]
            at += 1
        if low <= high:
            ranges.append((low, high))
    return ranges


def _escaped(char: str) -> str:
    return char if char.isalnum() or char in "_ \t\n" or ord(char) > 127 else "\\" + char


def _regex_range(low: str, high: str) -> str:
    return _escaped(low) if low == high else f"{_escaped(low)}-{_escaped(high)}"


def _sqlite_set(negated: bool, ranges: list[tuple[str, str]]) -> str:
    """GLOB has no escapes: `]` must come first, `^` must not, `-` must come last."""
    single: set[str] = set()
    wide = ""
    for low, high in ranges:
        if low == high or low in "]^-" or high in "]^-":
            single.update(map(chr, range(ord(low), ord(high) + 1)))
        else:
            wide += f"{low}-{high}"
    if single == {"^"} and not wide and not negated:
        return "^"
    first = "]" if "]" in single else ""
    last = ("^" if "^" in single else "") + ("-" if "-" in single else "")
    if last == "^-" and not first and not wide and single == {"^", "-"} and not negated:
        last = "-^"
    middle = "".join(sorted(single - set("]^-")))
    return f"[{'^' if negated else ''}{first}{wide}{middle}{last}]"
