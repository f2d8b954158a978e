"""The tables that a script prints: how many tasks are in each state, and which."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gc3libs.cmdline._figures import printable
from gc3libs.persistence.record import Summary

_HEADINGS = ("JobID", "Job name", "State", "Info")
_WIDEST_NAME = 30
_LEAST = 12
"""Columns that are left for the last cell."""


def summary_table(stats: Mapping[str, int]) -> str:
    """How many tasks are in each state, with shares of the total.

    >>> print(summary_table({"NEW": 3, "TERMINATED": 1, "ok": 1, "failed": 0, "total": 4}))
           NEW  3/4   (75.0%)
    TERMINATED  1/4   (25.0%)
        failed  0/4    (0.0%)
            ok  1/4   (25.0%)
         total  4/4  (100.0%)
    """
    total = stats["total"]
    rows = [
        (name, f"{stats[name]}/{total}", f"({100 * stats[name] / total if total else 0:.1f}%)")
        for name in sorted(stats)
    ]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def tasks_table(tasks: Iterable[Summary]) -> str:
    """ID, name, state and last message of tasks, in a frame that fits the terminal."""
    cells = [
        (each.id, _cut(printable(each.name), _WIDEST_NAME), each.state, printable(each.info))
        for each in tasks
    ]
    rows: list[Sequence[str]] = [_HEADINGS, *cells]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 3 * len(widths) - 1
    widths[-1] = min(widths[-1], max(room, _LEAST))
    lines = [_line(row, widths) for row in rows]
    rule = "+".join(["", *("-" * (width + 2) for width in widths), ""])
    return "\n".join([rule, lines[0], rule.replace("-", "="), *lines[1:], rule])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True))
    return f"| {' | '.join(cells)} |"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def is_wanted(summary: Summary, states: Iterable[Any]) -> bool:
    """Whether a task is in one of these states; `ok` and `failed` mean TERMINATED, well or not."""
    names = {str(each) for each in states}
    ending = {"ok": summary.ok, "failed": summary.failed}
    return summary.state in names or any(ending.get(name, False) for name in names)
