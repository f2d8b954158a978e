"""`gc3 results`."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._filters import add_filters
from gc3libs.cli._output import iso, plural, say, write_json, write_json_list
from gc3libs.cli._place import open_session, split
from gc3libs.cli._rows import ENDINGS, Row, Rows, write_rows
from gc3libs.cli._select import Selection
from gc3libs.cli._tables import Column, write_table
from gc3libs.cli._words import exit_word, state_word, value_word
from gc3libs.persistence.facts import duration_of

if TYPE_CHECKING:
    from gc3libs.persistence import Summary
    from gc3libs.session import Session

MORE = """\
One row a task: its parameters, how it ended, times, what it used, and what it
found. --output reads that from a file of each task: the fields of a JSON
object, or the columns of a CSV file (its last row). Results of Python functions
are there without it. Without -o the table goes to the terminal.

examples:
  gc3 results flu --output fit.json -o flu.csv
  gc3 results flu --done --output fit.json --fields misfit,r0 -o flu.jsonl
"""
_BATCH: Final = 500
_FACTS: Final = (
    "state",
    "exit",
    "started",
    "ended",
    "duration",
    "cpu_time",
    "memory",
    "resource",
)


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 results [SESSION] [TASK ...] [options]"
    parser.add_argument("words", metavar="TASK", nargs="*", help=argparse.SUPPRESS)
    add_filters(parser)
    parser.add_argument("-o", dest="file", metavar="FILE", help=".csv, .jsonl or .parquet")
    parser.add_argument("--output", metavar="NAME", help="a JSON or CSV file among the outputs")
    parser.add_argument("--fields", metavar="A,B", help="only these of what it found; a.b: nested")
    types.add_table_options(parser)
    parser.add_argument("-f", "--force", action="store_true", help="replace FILE")


def run(args: argparse.Namespace) -> int:
    if args.file and not args.file.endswith(ENDINGS):
        raise exits.UsageError(f"-o {args.file}: end its name with {', '.join(ENDINGS)}")
    if args.file and Path(args.file).exists() and not args.force:
        raise exits.CannotDo(f"{args.file} is there already: add -f to replace it")
    path, words = split(args.session, args.words)
    session = open_session(path)
    try:
        fields = [f.strip() for f in args.fields.split(",")] if args.fields else None
        reader = _Reader(session, args.output, fields)
        found = reader.rows(Selection(session, words, args))
        if args.json and not args.file:
            write_json_list("results", session.path, "rows", found)
            return exits.OK
        with Rows(found) as rows:
            _write(args, session, rows)
        if reader.missing:
            say(f"{plural(reader.missing)} without {args.output or 'a result'}", quiet=args.quiet)
    finally:
        session.close()
    return exits.OK


def _write(args: argparse.Namespace, session: Session, rows: Rows) -> None:
    if not args.file:
        _write_terminal(rows, header=not args.no_header)
        return
    file = Path(args.file)
    write_rows(file, rows, _columns(rows))
    if args.json:
        write_json("results", session.path, file=str(file.absolute()), count=len(rows))
    else:
        say(f"{plural(len(rows), 'row')} in {args.file}", quiet=args.quiet)


class _Reader:
    """Makes rows of tasks.

    Attributes:
        missing: How many tasks, that ended well, had no file to be read.
    """

    def __init__(self, session: Session, output: str | None, fields: list[str] | None) -> None:
        self._session = session
        self._output = output
        self._fields = fields
        self.missing = 0

    def rows(self, tasks: Iterable[Summary]) -> Iterator[Row]:
        iterator = iter(tasks)
        while batch := list(islice(iterator, _BATCH)):
            records = self._session.store.records([task.id for task in batch])
            for task in batch:
                record = records.get(task.id)
                details = b"" if record is None else record.details
                yield {
                    "id": task.id,
                    "name": task.name,
                    **task.parameters,
                    **self._found(task, details),
                    **_facts(task),
                }

    def _found(self, task: Summary, encoded: bytes) -> Row:
        from gc3libs.model import decode_details

        details = decode_details(encoded)
        found: Any = None
        if self._output is None:
            found = details.result
            if not isinstance(found, dict):
                return {} if found is None else {"result": _plain(found)}
        else:
            from gc3libs.cli._why import output_places

            for place in output_places(self._session, details):
                found = _read(place / self._output)
                if found is not None:
                    break
            if found is None:
                self.missing += task.ok
                return {}
        return self._chosen(found)

    def _chosen(self, found: dict[str, Any]) -> Row:
        if self._fields is None:
            return {name: _plain(value) for name, value in found.items()}
        return {name: _plain(_nested(found, name)) for name in self._fields}


def _facts(task: Summary) -> Row:
    return {
        "state": state_word(task),
        "exit": exit_word(task),
        "started": iso(task.started),
        "ended": iso(task.ended),
        "duration": duration_of(task),
        "cpu_time": task.cpu_time,
        "memory": task.memory,
        "resource": task.resource,
    }


def _read(file: Path) -> dict[str, Any] | None:
    """What a file says, by name; None if it is not there, or says nothing of the kind."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if file.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        return {name: _number(value) for name, value in rows[-1].items() if name} if rows else None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else {"result": found}


def _number(text: Any) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except (TypeError, ValueError):
            continue
    return text


def _nested(found: Any, name: str) -> Any:
    if isinstance(found, dict) and name in found:
        return found[name]
    for part in name.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def _plain(value: Any) -> Any:
    """A value that fits into a cell."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return msgspec.json.encode(value, enc_hook=str).decode()


def _columns(rows: Rows) -> list[str]:
    """Names of all columns: what was asked and found, then the facts."""
    first = [name for name in rows.names if name not in _FACTS]
    return [*first, *(name for name in _FACTS if name in rows.names)]


def _write_terminal(rows: Rows, *, header: bool) -> None:
    names = [name for name in _columns(rows) if name not in ("id", "started", "ended", "resource")]
    columns = [
        Column(name.upper(), right=name in rows.numeric, shrinks=True, optional=place > 0)
        for place, name in enumerate(names)
    ]
    write_table(columns, ([_cell(row.get(name)) for name in names] for row in rows), header=header)


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else value_word(value)
