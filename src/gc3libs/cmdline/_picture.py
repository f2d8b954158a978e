"""The picture of a run on a terminal. The one module here that needs `rich` to be imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gc3libs.cmdline._figures import Progress, headline, names_of_running, printable

WIDEST = 100
"""Columns; on a wider terminal the rest stays empty."""
EIGHTHS = " ▏▎▍▌▋▊▉"
ASCII = str.maketrans("·…", "-~")


class Picture:
    """A run as it is at one moment.

    Args:
        title: The session's name.
        place: Where its tasks run.
        progress: How far they are.
        pace: Rate and time left, in words.
        hint: What the user can do.
    """

    def __init__(self, title: str, place: str, progress: Progress, pace: str, hint: str) -> None:
        self._title = title
        self._place = place
        self._progress = progress
        self._pace = pace
        self._hint = hint

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, WIDEST)
        blocks = options.encoding.startswith("utf")
        for line in self._lines(width, blocks):
            line.truncate(width, overflow="ellipsis")
            if not blocks:
                line.plain = line.plain.translate(ASCII)
            yield line

    def _lines(self, width: int, blocks: bool) -> Iterable[Text]:
        progress = self._progress
        yield Text(headline(self._title, self._place, progress), style="bold")
        yield Text()
        yield self._bar("done", progress.done, "green", width, blocks)
        if progress.failed:
            yield self._bar("failed", progress.failed, "red", width, blocks)
            yield from self._causes(width)
        yield self._running(width)
        yield self._row("waiting", progress.waiting)
        if progress.held:
            yield self._row("held", progress.held)
        for note in progress.notes:
            yield Text(f"  {printable(note)}", style="yellow")
        yield Text()
        yield self._foot(width)

    def _row(self, label: str, count: int) -> Text:
        digits = max(len(f"{self._progress.total:,}"), 5)
        return Text(f"  {label:<8}{count:>{digits},}  ")

    def _bar(self, label: str, count: int, colour: str, width: int, blocks: bool) -> Text:
        row = self._row(label, count)
        size = max(width - len(row) - 6, 5)
        row.append(bar(count, self._progress.total, size, blocks), style=colour)
        row.append(f"{percent(count, self._progress.total):>6}", style="dim")
        return row

    def _causes(self, width: int) -> Iterable[Text]:
        if self._progress.causes:
            indent = " " * len(self._row("", 0))
            causes = [f"{count:,} x {printable(cause)}" for cause, count in self._progress.causes]
            yield Text(indent + fit(causes, width - len(indent)), style="red")

    def _running(self, width: int) -> Text:
        row = self._row("running", self._progress.running)
        names = names_of_running(self._progress)
        row.append(fit(names, width - len(row), self._progress.running), style="dim")
        return row

    def _foot(self, width: int) -> Text:
        foot = Text(f"  {self._pace}")
        gap = width - foot.cell_len - cell_len(self._hint)
        if gap >= 2:
            foot.append(" " * gap + self._hint, style="dim")
        return foot


def bar(count: int, total: int, size: int, blocks: bool = True) -> str:
    """A bar of `size` columns; whatever is not nothing is seen.

    >>> bar(5, 10, 8), bar(1, 1000, 8), bar(0, 10, 4), bar(3, 4, 4, blocks=False)
    ('████    ', '▏       ', '    ', '### ')
    """
    if not blocks:
        return ("#" * (count and max(count * size // total, 1))).ljust(size)
    eighths = count and max(count * size * 8 // total, 1)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(size)


def percent(count: int, total: int) -> str:
    """A share that is 0 or 100 only if it is so.

    >>> percent(0, 400), percent(1, 400), percent(399, 400), percent(400, 400), percent(0, 0)
    ('0 %', '<1 %', '99 %', '100 %', '0 %')
    """
    if 0 < count * 100 < total:
        return "<1 %"
    return f"{count * 100 // (total or 1)} %"


def fit(items: Sequence[str], width: int, count: int | None = None) -> str:
    """As many items as fit, and how many there are besides.

    Args:
        items: What to list.
        width: In columns.
        count: How many there are in all, if more than `items`.

    >>> fit(["one", "two", "three", "four"], 20), fit(["one", "two"], 10)
    ('one, two, 2 more', 'one, two')
    """
    total = len(items) if count is None else count
    for shown in range(len(items), 0, -1):
        more = [f"{total - shown:,} more"] if total > shown else []
        text = ", ".join([*items[:shown], *more])
        if cell_len(text) <= width:
            return text
    return set_cell_size(items[0], max(width - 1, 1)).rstrip() + "…" if items else ""
