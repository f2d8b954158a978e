"""Which tasks are meant: by ID, number, range, name or filters, or as a list that was piped in."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gc3libs.cli._clauses import clauses_of, fact_of
from gc3libs.cli._exits import CannotDo, UsageError
from gc3libs.cli._filters import FIELDS, accepts, filters_of, lookup, lookup_in
from gc3libs.cli._place import shown
from gc3libs.cli._where import Condition, unknown_name
from gc3libs.cli._words import number_of
from gc3libs.exceptions import InvalidValue, LoadError, ObjectNotFound
from gc3libs.persistence import Query, Record, Summary
from gc3libs.persistence.record import Fact, split_id

if TYPE_CHECKING:
    from gc3libs.session import Session

_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_BATCH: Final = 1000
_MOST: Final = 1_000_000
"""Numbers in a range."""
_SAMPLE: Final = 500
"""Tasks in which names of parameters are looked for first."""


class Selection:
    """The tasks that a command line means.

    Args:
        words: IDs, numbers, ranges such as `3-7`, job names or patterns, `-` for a list on the
            standard input; none: all that the filters let through.
        args: The filters.

    Raises:
        UsageError: One of them makes no sense.
    """

    def __init__(
        self,
        session: Session,
        words: Sequence[str],
        args: argparse.Namespace,
        *,
        tree: bool = False,
    ) -> None:
        self._session = session
        self._tree = tree
        self._words = list(_expanded(words))
        self._filters = filters_of(args)
        where = getattr(args, "where", None)
        self._condition = Condition(where) if where else None
        self._order: str | None = None
        self._reverse = False

    @property
    def is_everything(self) -> bool:
        """Nothing was said that would leave a task out."""
        filters = self._filters
        return not (self._words or filters.asked or filters.predicates or self._condition)

    def arrange(self, order: str | None, *, reverse: bool) -> None:
        """Have them in the order of a field or parameter, or the other way round."""
        self._order, self._reverse = order, reverse

    def __iter__(self) -> Iterator[Summary]:
        names = self._condition.names if self._condition else set()
        self._check({*names, *([self._order] if self._order else ())})
        if not self._words:
            return self._chosen(self._asked())
        found = list(self._chosen(self._named()))
        return iter(self._sorted(found) if self._order or self._reverse else found)

    def _chosen(self, found: Iterator[Summary]) -> Iterator[Summary]:
        """Those for which also holds what a store cannot look for."""
        for predicate in self._filters.predicates:
            found = filter(predicate, found)
        return found if self._condition is None else filter(self._fulfils, found)

    def _fulfils(self, summary: Summary) -> bool:
        assert self._condition is not None
        of_fields = self._condition.names <= FIELDS.keys()
        return self._condition(lookup_in(summary, {} if of_fields else summary.parameters))

    def _asked(self) -> Iterator[Summary]:
        fact = fact_of(self._order) if self._order else None
        where = self._filters.where
        if self._condition is not None:
            where += clauses_of(self._condition.text)
        if self._order and fact is None:
            query = Query(where=where)
            found = self._session.summaries(query, tree=self._tree, **self._filters.asked)
            return iter(self._sorted(found))
        query = Query(where=where, order=fact, reverse=self._reverse)
        return self._session.summaries(query, tree=self._tree, **self._filters.asked)

    def _sorted(self, found: Iterable[Summary]) -> list[Summary]:
        """In an order that a store does not know."""
        tasks = list(found)
        if self._order:
            tasks.sort(key=_sort_key(self._order))
        return tasks[::-1] if self._reverse else tasks

    def _check(self, names: set[str]) -> None:
        """See that each name means something.

        Raises:
            UsageError: One is no field, and no task has a parameter of that name.
        """
        unknown = names - FIELDS.keys()
        if not unknown:
            return
        known = {
            name
            for summary in islice(self._session.summaries(tree=True), _SAMPLE)
            for name in summary.parameters
        }
        for name in sorted(unknown - known):
            query = Query(order=Fact(name, parameter=True))
            first = next(self._session.summaries(query, tree=True), None)
            if first is not None and name not in first.parameters:
                raise unknown_name(name, known | FIELDS.keys())

    # by name

    def _named(self) -> Iterator[Summary]:
        """Those that the words name, each once, in the order of the words."""
        seen: set[str] = set()
        wanted = accepts(self._filters.asked)
        for summary in chain.from_iterable(map(self._lookup_run, _runs(self._words))):
            if summary.id not in seen and wanted(summary):
                seen.add(summary.id)
                yield summary

    def _lookup_run(self, run: tuple[bool, list[str]]) -> Iterator[Summary]:
        by_number, words = run
        if not by_number:
            for word in words:
                yield from self._by_name(word)
            return
        ids = list(self._ids(words))
        for start in range(0, len(ids), _BATCH):
            some = ids[start : start + _BATCH]
            query = Query(ids=tuple(some))
            found = {each.id: each for each in self._session.store.summaries(query)}
            for id_ in some:
                if id_ in found and self._is_ours(found[id_]):
                    yield found[id_]
                else:
                    raise missing(self._session, id_)

    def _is_ours(self, summary: Summary) -> bool:
        return summary.session == self._session.uuid or summary.id in self._session

    def _ids(self, words: Iterable[str]) -> Iterator[str]:
        words = list(words)
        numbers = {word: _numbers(word) for word in words}
        asked = {number for each in numbers.values() if each for number in each}
        known = self._by_number(asked) if asked else {}
        for word in words:
            span = numbers[word]
            if span is None:
                yield word
                continue
            found = [known[number] for number in span if number in known]
            if not found:
                what = f"task {word}" if len(span) == 1 else f"task from {word}"
                raise _not_there(self._session, what)
            yield from found

    def _by_number(self, numbers: set[int]) -> dict[int, str]:
        """IDs, of those numbers that the session has."""
        text = (Path(self._session.path) / "index.txt").read_bytes()
        found: dict[int, str] = {}
        if len(numbers) <= 4:
            for number in numbers:
                match = re.search(rb"^(\w+\.%d)$" % number, text, re.MULTILINE)
                if match:
                    found[number] = match[1].decode()
        else:
            for id_ in text.decode("ascii", "replace").split():
                tail = id_.rpartition(".")[2]
                if tail.isdecimal() and int(tail) in numbers:
                    found[int(tail)] = id_
        if numbers - found.keys():
            for summary in self._session.summaries(tree=True):
                if number_of(summary.id) in numbers:
                    found.setdefault(number_of(summary.id), summary.id)
        return found

    def _by_name(self, word: str) -> Iterator[Summary]:
        found = self._session.summaries(tree=True, jobname=word)
        first = list(islice(found, 1))
        if not first and "[" in word:
            literal = word.replace("[", "[[]")
            found = self._session.summaries(tree=True, jobname=literal)
            first = list(islice(found, 1))
        if not first:
            raise _not_there(self._session, f"task {word!r}")
        return chain(first, found)


def _sort_key(name: str) -> Callable[[Summary], tuple[bool, bool, Any]]:
    """Numbers, then texts, then what is not there."""

    def key(summary: Summary) -> tuple[bool, bool, Any]:
        value = lookup(summary)(name)
        return value is None, isinstance(value, str), 0 if value is None else value

    return key


def one_task(session: Session, word: str) -> Summary:
    """The task that a word names.

    Raises:
        CannotDo: There is none, or more than one.
    """
    found = list(islice(Selection(session, [word], argparse.Namespace(), tree=True), 4))
    if len(found) > 1:
        some = ", ".join(each.id for each in found[:3])
        raise CannotDo(f"{word!r} is the name of several tasks ({some}...): say which by its ID")
    if not found:
        raise _not_there(session, f"task {word!r}")
    return found[0]


def record_of(session: Session, id_: str) -> Record:
    """What is kept of a task.

    Raises:
        CannotDo: It is damaged, or gone.
    """
    try:
        return session.store.record(id_)
    except LoadError as err:
        raise missing(session, id_) from err


def missing(session: Session, id_: str) -> CannotDo:
    """What to say of a task that was not found: it is not there, or its record is damaged."""
    try:
        session.store.record(id_)
    except ObjectNotFound:
        pass
    except LoadError as err:
        return CannotDo(
            f"task {id_} of {session.name} cannot be read: {err.reason}. What else is wrong:"
            f" gc3 check {shown(session.path)}"
        )
    return _not_there(session, f"task {id_}")


def _not_there(session: Session, what: str) -> CannotDo:
    return CannotDo(
        f"there is no {what} in {session.name}. Its tasks: gc3 ls {shown(session.path)}"
    )


def _expanded(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word == "-":
            yield from sys.stdin.read().split()
        else:
            yield word


def _is_id(word: str) -> bool:
    try:
        split_id(word)
    except InvalidValue:
        return False
    return True


def _numbers(word: str) -> range | None:
    """The numbers that a word such as `17` or `3-7` means."""
    if word.isascii() and word.isdecimal():
        return range(int(word), int(word) + 1)
    match = _RANGE.fullmatch(word)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    if last < first or last - first >= _MOST:
        raise UsageError(f"{word!r} is no range: write the smaller number first")
    return range(first, last + 1)


def _runs(words: Iterable[str]) -> Iterator[tuple[bool, list[str]]]:
    """Neighbours that are looked up together: IDs and numbers, or names."""
    run: list[str] = []
    kind = False
    for word in words:
        by_number = _is_id(word) or _numbers(word) is not None
        if run and by_number != kind:
            yield kind, run
            run = []
        kind = by_number
        run.append(word)
    if run:
        yield kind, run
