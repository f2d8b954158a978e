"""Tables that fit the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

from gc3libs.cli._output import has_colours, plural, printable, say, styled, width

GAP: Final = 2
LOOK_AHEAD: Final = 500
"""Rows that decide how wide columns are."""
READABLE: Final = 12
NARROWEST: Final = 6


class Column(NamedTuple):
    """A column.

    Attributes:
        title: In capitals.
        right: Its cells stand at the right.
        shrinks: Its cells are cut where the table would be too wide.
        optional: It is left out, the last one first, where that is not enough.
    """

    title: str
    right: bool = False
    shrinks: bool = False
    optional: bool = False


class Cell(NamedTuple):
    """A text and its colour."""

    text: str
    style: str = ""


Row = Sequence[str | Cell]


def write_table(columns: Sequence[Column], rows: Iterable[Row], *, header: bool = True) -> int:
    """Print a table as its rows come; how many there were."""
    iterator = iter(rows)
    first = list(islice(iterator, LOOK_AHEAD))
    if not first:
        return 0
    layout = _Layout(columns, first, width(), header)
    colours = has_colours()
    if header:
        sys.stdout.write(layout.line([Cell(each.title, "bold") for each in columns], colours))
    count = 0
    for row in chain(first, iterator):
        sys.stdout.write(layout.line(row, colours))
        count += 1
    if header and layout.dropped:
        more = ", ..." if len(layout.dropped) > 2 else ""
        left_out = plural(len(layout.dropped), "column")
        say(f"no room for {left_out}: {', '.join(layout.dropped[:2])}{more}")
    return count


class _Layout:
    """Which columns are shown, and how wide each is.

    Attributes:
        dropped: Titles of columns for which there is no room.
    """

    def __init__(
        self, columns: Sequence[Column], rows: Sequence[Row], limit: int | None, header: bool
    ) -> None:
        self._columns = columns
        self._widths = {
            place: max(chain([cells(column.title)] if header else [0], _widths(rows, place)))
            for place, column in enumerate(columns)
        }
        self._cuts = limit is not None
        self.dropped: list[str] = []
        if limit is not None:
            self._fit(limit)

    def _fit(self, limit: int) -> None:
        """Cut texts as long as they stay readable; then leave columns out; then cut all."""
        natural = dict(self._widths)
        optional = [place for place in natural if self._columns[place].optional]
        while self._shrink(limit, READABLE) > 0 and optional:
            place = optional.pop()
            del natural[place]
            self.dropped.insert(0, self._columns[place].title)
            self._widths = dict(natural)
        if self._shrink(limit, NARROWEST) > 0:
            self._shrink_those(list(self._widths), limit, NARROWEST)

    def _shrink(self, limit: int, least: int) -> int:
        """Cut columns that may be; how much too wide the table is then."""
        self._shrink_those([p for p in self._widths if self._columns[p].shrinks], limit, least)
        return self._excess(limit)

    def _excess(self, limit: int) -> int:
        return sum(self._widths.values()) + GAP * (len(self._widths) - 1) - limit

    def _shrink_those(self, places: list[int], limit: int, least: int) -> None:
        while (excess := self._excess(limit)) > 0:
            widest = max(places, key=lambda place: self._widths[place], default=None)
            if widest is None or self._widths[widest] <= least:
                return
            others = [self._widths[p] for p in places if self._widths[p] < self._widths[widest]]
            floor = max([least, *others])
            step = min(excess, max(1, self._widths[widest] - floor))
            self._widths[widest] -= step

    def line(self, row: Row, colours: bool) -> str:
        parts = []
        for place, size in self._widths.items():
            cell = row[place]
            text, style = (cell.text, cell.style) if isinstance(cell, Cell) else (cell, "")
            text = self._sized(printable(text), size, right=self._columns[place].right)
            parts.append(styled(text, style) if style and colours else text)
        return (" " * GAP).join(parts).rstrip() + "\n"

    def _sized(self, text: str, size: int, *, right: bool) -> str:
        gap = size - cells(text)
        if gap < 0:
            return cut(text, size) if self._cuts else text
        return " " * gap + text if right else text + " " * gap


def _widths(rows: Sequence[Row], place: int) -> Iterator[int]:
    for row in rows:
        cell = row[place]
        yield cells(cell.text if isinstance(cell, Cell) else cell)


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, size: int) -> str:
    """The beginning of a text that is too long.

    >>> cut("a long story", 7)
    'a long…'
    """
    if cells(text) <= size:
        return text
    kept = text[: max(size - 1, 0)]
    while cells(kept) > size - 1:
        kept = kept[:-1]
    return f"{kept}…"
