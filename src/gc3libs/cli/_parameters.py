"""Parameters of a command template, and the values that they take."""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from gc3libs.cli._exits import CannotDo, UsageError

Row = dict[str, Any]

_NAME: Final = re.compile(r"[^\W\d]\w*", re.ASCII)
_HOLE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_MOST: Final = 100_000_000


def over(text: str) -> tuple[str, list[Any]]:
    """Name and values of `x=0:1:0.1`, `x=a,b,c` or `x=@FILE`.

    Raises:
        UsageError: It makes no sense.
        CannotDo: The file cannot be read.

    >>> over("x=0:0.3:0.1"), over("n=1:3"), over("c=red,blue")
    (('x', [0.0, 0.1, 0.2, 0.3]), ('n', [1, 2, 3]), ('c', ['red', 'blue']))
    """
    name, equals, values = text.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise UsageError(f"--over {text}: write NAME=0:1:0.1, NAME=a,b,c or NAME=@FILE")
    if values.startswith("@"):
        return name, typed(_lines(values[1:]))
    found = _steps(values)
    if found is not None:
        return name, found
    return name, typed(values.split(","))


def _lines(file: str) -> list[str]:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is no text in UTF-8"
        raise CannotDo(f"cannot read {file}: {reason}") from err
    return [line for line in lines if line.strip()]


def _steps(text: str) -> list[Any] | None:
    """The numbers of `first:last` or `first:last:step`, `last` included; None: something else."""
    parts = text.split(":")
    if len(parts) not in (2, 3):
        return None
    try:
        first, last, *rest = map(Decimal, parts)
    except InvalidOperation:
        return None
    step = rest[0] if rest else Decimal(1)
    if not all(each.is_finite() for each in (first, last, step)) or step == 0:
        raise UsageError(f"{text}: the step cannot be 0")
    count = math.floor((last - first) / step) + 1
    if not 1 <= count <= _MOST:
        raise UsageError(f"{text}: there are no steps of {step} from {first} to {last}")
    numbers = [first + place * step for place in range(count)]
    if all(each == each.to_integral_value() and "." not in str(each) for each in (first, step)):
        return [int(each) for each in numbers]
    return [float(each) for each in numbers]


def typed(column: Sequence[str]) -> list[Any]:
    """A column of texts as numbers, if all of it can be read as such.

    >>> typed(["1", "2"]), typed(["1", "2.5"]), typed(["1", "b"])
    ([1, 2], [1.0, 2.5], ['1', 'b'])
    """
    for kind in (int, float):
        try:
            return [kind(each) for each in column]
        except ValueError:
            continue
    return list(column)


def table(file: str) -> list[Row]:
    """The rows of a CSV file, with names in its first line, or of a file of JSON Lines.

    Raises:
        CannotDo: It cannot be read; says why, and where.
    """
    if file.endswith((".jsonl", ".ndjson")):
        return [_object(line, file, number) for number, line in enumerate(_lines(file), 1)]
    rows = list(csv.reader(_lines(file)))
    if not rows:
        raise CannotDo(f"{file} is empty: its first line has to name the columns")
    names, *body = rows
    for name in names:
        if not _NAME.fullmatch(name):
            raise CannotDo(f"{file}, line 1: {name!r} is no name for a column")
    for number, row in enumerate(body, 2):
        if len(row) != len(names):
            raise CannotDo(f"{file}, line {number}: {len(row)} values for {len(names)} columns")
    columns = [typed(column) for column in zip(*body, strict=True)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _object(line: str, file: str, number: int) -> Row:
    try:
        found = json.loads(line)
    except ValueError as err:
        raise CannotDo(f"{file}, line {number}: no JSON: {err}") from err
    if not isinstance(found, dict) or not all(_NAME.fullmatch(name) for name in found):
        raise CannotDo(f"{file}, line {number}: no JSON object with names as keys")
    for name, value in found.items():
        if isinstance(value, list | dict):
            raise CannotDo(f"{file}, line {number}: {name} is no plain value")
    return found


class Grid:
    """Every combination of the values, or, zipped, one value of each at a time.

    Args:
        columns: Names and values.
        tables: Rows that belong together.

    Raises:
        UsageError: A name is there twice, or what is zipped differs in length.
    """

    def __init__(
        self, columns: Sequence[tuple[str, list[Any]]], tables: Sequence[list[Row]], *, zipped: bool
    ) -> None:
        self._sources: list[list[Row]] = [
            *([{name: value} for value in values] for name, values in columns),
            *tables,
        ]
        self._zipped = zipped
        names = [name for rows in self._sources for name in (rows[0] if rows else ())]
        self.names = list(dict.fromkeys(names))
        if len(self.names) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"the parameter {twice!r} is given twice")
        if zipped and len({len(rows) for rows in self._sources}) > 1:
            sizes = " and ".join(str(len(rows)) for rows in self._sources)
            raise UsageError(f"--zip needs as many values of each, not {sizes}")

    def __len__(self) -> int:
        if not self._sources:
            return 1
        sizes = [len(rows) for rows in self._sources]
        return min(sizes) if self._zipped else math.prod(sizes)

    def __iter__(self) -> Iterator[Row]:
        if not self._sources:
            return iter(({},))
        combine = zip if self._zipped else itertools.product
        return ({k: v for row in rows for k, v in row.items()} for rows in combine(*self._sources))


class Template:
    """A text with `{name}` where a parameter's value goes; `{{` and `}}` stand for braces.

    >>> Template("run-{x}-{{y}}").filled({"x": 0.5})
    'run-0.5-{y}'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.names = {
            match[1] for match in _HOLE.finditer(text) if match[1] and _NAME.fullmatch(match[1])
        }

    def filled(self, row: Row) -> str:
        """The text with these values."""

        def value(match: re.Match[str]) -> str:
            if match[0] in ("{{", "}}"):
                return match[0][0]
            return shown(row[match[1]]) if match[1] in row else match[0]

        return _HOLE.sub(value, self.text)


def shown(value: Any) -> str:
    """A value as it stands in a command: as short as it can be written.

    >>> shown(0.1), shown(2.0), shown(3), shown("a b"), shown(None)
    ('0.1', '2.0', '3', 'a b', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
