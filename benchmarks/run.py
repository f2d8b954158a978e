#!/usr/bin/env python3
"""Measure, print each figure beside its floor, and write the table into benchmarks/README.md."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import figures
from measuring import Figure

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"


def main() -> int:
    """Status 0: all targets met (or `--quick`), 1: some missed."""
    options = arguments()
    directory = Path(tempfile.mkdtemp(prefix="gc3-bench-", dir=options.directory))
    try:
        bench = figures.Bench(directory, options.quick)
        measured = []
        for name in options.only or figures.ALL:
            for figure in figures.ALL[name](bench):
                print(line(figure), flush=True)
                measured.append(figure)
        if not options.quick and not options.only:
            write(table(measured), machine(directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    missed = sum(not figure.met for figure in measured)
    if options.quick:
        print(f"{len(measured)} figures could be measured; sizes this small say nothing else")
        return 0
    print(f"{len(measured) - missed} of {len(measured)} targets met")
    return 1 if missed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: see that it runs")
    parser.add_argument(
        "--only", nargs="+", choices=figures.ALL, metavar="NAME", help=", ".join(figures.ALL)
    )
    parser.add_argument(
        "--directory", type=Path, help="on the disk to measure (default: where temporary files go)"
    )
    return parser.parse_args()


def value(number: float, unit: str) -> str:
    """A figure with three digits, and thousands whole."""
    digits = f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
    return f"{digits}{unit}" if unit.startswith("/") else f"{digits} {unit}"


def cells(figure: Figure) -> list[str]:
    """What the table says of a figure."""
    difference = f"{figure.ours - figure.least:+.0f} {figure.unit}"
    return [
        figure.what + (f" ({figure.note})" if figure.note else ""),
        value(figure.ours, figure.unit),
        f"{value(figure.least, figure.unit)} ({figure.floor})",
        difference if figure.ratio is None else f"{figure.ratio:.2f} x",
        figure.target,
        "yes" if figure.met else "no",
    ]


def line(figure: Figure) -> str:
    """A figure for the terminal."""
    what, ours, least, ratio, target, met = cells(figure)
    return f"{what}\n    {ours}; floor {least}: {ratio} ({target}: {met})"


def table(measured: Iterable[Figure]) -> str:
    """A Markdown table."""
    head = ["what", "here", "floor", "ratio", "target", "met"]
    rows = [head, ["---"] * len(head), *map(cells, measured)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def machine(directory: Path) -> str:
    """What was measured on, and when."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("gc3libs", "msgspec")
    )
    return (
        f"{time.strftime('%Y-%m-%d')}, {len(os.sched_getaffinity(0))} cores,"
        f" {platform.system()} {platform.release()} on {platform.machine()},"
        f" {filesystem(directory)}, {platform.python_implementation()}"
        f" {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {versions}.\n"
    )


def filesystem(directory: Path) -> str:
    """Type of the filesystem that a directory is on."""
    mounts = [each.split() for each in Path("/proc/self/mounts").read_text().splitlines()]
    inside = [each for each in mounts if directory.is_relative_to(each[1])]
    return max(inside, key=lambda each: len(each[1]))[2]


def write(figures_: str, where: str) -> None:
    """Put the table between the marks."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}{where}\n{figures_}{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
