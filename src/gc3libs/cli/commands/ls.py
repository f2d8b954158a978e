"""`gc3 ls`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._filters import FIELDS, add_filters, lookup
from gc3libs.cli._output import clock, plural, say, write, write_json_list
from gc3libs.cli._place import open_session, split
from gc3libs.cli._select import Selection
from gc3libs.cli._tables import Cell, Column, Row, write_table
from gc3libs.cli._where import unknown_name
from gc3libs.cli._words import (
    STYLES,
    exit_word,
    number_of,
    state_word,
    task_object,
    value_word,
)
from gc3libs.persistence.facts import duration_of
from gc3libs.quantity import format_bytes, format_seconds

if TYPE_CHECKING:
    from gc3libs.persistence import Summary
    from gc3libs.session import Session

MORE = """\
tasks:
  an ID (Application.17), its number (17), a range (3-7), a name or a pattern,
  or - for a list on the standard input; none: all

columns, and names in conditions:
  id number name state exitcode signal returncode attempt held tags resource
  created changed started ended duration cpu_time memory info, and parameters

examples:
  gc3 ls flu --failed                    gc3 ls flu 'beta=2.*'
  gc3 ls flu --where 'beta > 2 and memory > "1GB"'
  gc3 ls flu --failed --ids | gc3 retry flu -
"""
_LOOK_AHEAD: Final = 500
_EXPLAINED: Final = 200
"""Failed tasks of which the reason is looked for."""
_MOMENTS: Final = frozenset({"created", "changed", "started", "ended"})
_TIMES: Final = frozenset({"duration", "cpu_time"})
_NUMBERS: Final = frozenset(
    {"number", "exitcode", "signal", "returncode", "attempt", "memory", *_TIMES}
)


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 ls [SESSION] [TASK ...] [options]"
    parser.add_argument("words", metavar="TASK", nargs="*", help=argparse.SUPPRESS)
    add_filters(parser)
    shape = parser.add_argument_group("what is shown")
    shape.add_argument("--columns", metavar="A,B", help="these, instead of the usual ones")
    shape.add_argument("--sort", metavar="A", help="in the order of this column")
    shape.add_argument("--reverse", action="store_true", help="the other way round")
    shape.add_argument("--limit", metavar="N", type=types.natural, help="at most so many")
    shape.add_argument("--tree", action="store_true", help="collections, too, and what is in them")
    shape.add_argument("--ids", action="store_true", help="nothing but IDs, one a line")
    types.add_table_options(shape)  # type: ignore[arg-type]


def run(args: argparse.Namespace) -> int:
    path, words = split(args.session, args.words)
    session = open_session(path)
    try:
        selection = Selection(session, words, args, tree=args.tree)
        selection.arrange(args.sort, reverse=args.reverse)
        found = islice(selection, args.limit)
        if args.json:
            write_json_list("ls", session.path, "tasks", map(task_object, found))
        elif args.ids:
            for summary in found:
                write(summary.id)
        else:
            _write_table(args, session, selection, found)
    finally:
        session.close()
    return exits.OK


def _write_table(
    args: argparse.Namespace, session: Session, selection: Selection, found: Iterator[Summary]
) -> None:
    if args.tree:
        found = _in_tree_order(session, found)
    if args.columns:
        count = _write_chosen(args, found)
    else:
        count = _write_usual(args, session, found)
    if args.no_header:
        return
    total = len(session)
    if count == 0:
        say("no tasks" if selection.is_everything else "no such tasks", quiet=args.quiet)
    elif selection.is_everything and args.limit is None:
        say(plural(count), quiet=args.quiet)
    else:
        say(f"{count:,} of {plural(max(total, count))}", quiet=args.quiet)


# the usual columns


def _write_usual(args: argparse.Namespace, session: Session, found: Iterator[Summary]) -> int:
    first = list(islice(found, _LOOK_AHEAD))
    names = _parameter_names(first)
    whys = _whys(session, [each for each in first if each.failed][:_EXPLAINED])
    columns = [
        Column("ID", right=True),
        Column("NAME", shrinks=True),
        Column("STATE"),
        Column("EXIT", right=True),
        Column("TIME", right=True),
        Column("MEMORY", right=True),
        *(Column(name.upper(), right=True, optional=True) for name in names),
    ]
    if any(whys.values()):
        columns.append(Column("WHY", shrinks=True))
    show_why = len(columns) > 6 + len(names)

    def row(summary: Summary) -> Row:
        cells = _usual_cells(summary, names)
        return [*cells, whys.get(summary.id, "")] if show_why else cells

    return write_table(columns, map(row, chain(first, found)), header=not args.no_header)


def _usual_cells(summary: Summary, names: Sequence[str]) -> list[str | Cell]:
    word = state_word(summary)
    seconds = duration_of(summary)
    parameters = summary.parameters
    return [
        str(number_of(summary.id)),
        summary.name,
        Cell(word, STYLES.get(word, "")),
        exit_word(summary),
        "" if seconds is None else format_seconds(seconds),
        "" if summary.memory is None else format_bytes(summary.memory),
        *(value_word(parameters.get(name)) for name in names),
    ]


def _parameter_names(tasks: Sequence[Summary]) -> list[str]:
    """Parameters that are not the same for all; for one task, all of them."""
    values: dict[str, set[Any]] = {}
    for task in tasks:
        for name, value in task.parameters.items():
            values.setdefault(name, set()).add(value)
    return [name for name, each in values.items() if len(each) > 1 or len(tasks) == 1]


def _whys(session: Session, failed: Sequence[Summary]) -> dict[str, str]:
    if not failed:
        return {}
    from gc3libs.cli._why import reasons

    return {summary.id: reason for summary, reason in reasons(session, failed)}


def _in_tree_order(session: Session, found: Iterator[Summary]) -> Iterator[Summary]:
    """Each collection, then what is in it, with names that show how deep that is."""
    from msgspec.structs import replace

    tasks = {summary.id: summary for summary in found}
    owned = session.store.children_of([t.id for t in tasks.values() if not t.leaf])
    below = {child for children in owned.values() for child in children}
    waiting = [(id_, 0) for id_ in reversed(tasks) if id_ not in below]
    while waiting:
        id_, depth = waiting.pop()
        summary = tasks.pop(id_, None)
        if summary is None:
            continue
        yield replace(summary, jobname=f"{'  ' * depth}{summary.name}")
        waiting += [(child, depth + 1) for child in reversed(owned.get(id_, []))]


# chosen columns


def _write_chosen(args: argparse.Namespace, found: Iterator[Summary]) -> int:
    names = [name.strip() for name in args.columns.split(",") if name.strip()]
    first = list(islice(found, _LOOK_AHEAD))
    known = {key for task in first for key in task.parameters} | FIELDS.keys()
    for name in names:
        if name not in known and first:
            raise unknown_name(name, known)
    numeric = {
        name
        for name in names
        if name in _NUMBERS
        or any(isinstance(task.parameters.get(name), int | float) for task in first)
    }
    columns = [
        Column(name.upper(), right=name in numeric, shrinks=True, optional=place > 0)
        for place, name in enumerate(names)
    ]

    def row(summary: Summary) -> Row:
        value = lookup(summary)
        return [_cell(name, value(name)) for name in names]

    return write_table(columns, map(row, chain(first, found)), header=not args.no_header)


_SHOWN: Final[dict[str, Callable[[Any], str]]] = {
    **dict.fromkeys(_MOMENTS, lambda value: clock(value) if value else ""),
    **dict.fromkeys(_TIMES, lambda value: "" if value is None else format_seconds(value)),
    "memory": lambda value: "" if value is None else format_bytes(value),
    "tags": ",".join,
}


def _cell(name: str, value: Any) -> str | Cell:
    if name == "state":
        return Cell(value, STYLES.get(value, ""))
    return _SHOWN.get(name, value_word)(value)
