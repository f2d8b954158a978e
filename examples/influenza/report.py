"""What the campaign found: a CSV file of all misfits, a table for people, and the picture."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import draw
import sir

# Murray's r is per boy and day, his rho in boys: N r is transmission, rho r recovery, per day.
MURRAY_R, MURRAY_RHO = 2.18e-3, 202
PUBLISHED_RATES = (sir.BOYS * MURRAY_R, MURRAY_RHO * MURRAY_R)
TABLE = "{:<20} {:>12} {:>9} {:>6} {:>8} {:>11}"


class Results(NamedTuple):
    """The fits that could be read, and the files that could not."""

    fits: list[sir.Fit]
    unreadable: list[Path]


def collect(files: Iterable[Path]) -> Results:
    """Read what the runs of `sir.py` wrote. A file that is missing or damaged hides no other."""
    results = Results([], [])
    for file in files:
        try:
            results.fits.append(sir.Fit.from_json(file.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            results.unreadable.append(file)
    return results


def write_misfits(path: Path, fits: Iterable[sir.Fit]) -> None:
    """Write a CSV file with one line a fit; `r0` is empty where nobody recovers."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["beta", "gamma", "r0", "misfit", "rms"])
        for fit in fits:
            writer.writerow([fit.beta, fit.gamma, fit.r0, fit.misfit, fit.rms])


def table(best: sir.Fit, published: sir.Fit, runs: int) -> str:
    """The best of so many runs beside the published fit."""
    return "\n".join(
        [
            TABLE.format("", "transmission", "recovery", "R0", "misfit", "typically"),
            TABLE.format("", "a day", "a day", "", "boys²", "off by"),
            _row(f"best of {runs} runs", best),
            _row("published (Murray)", published),
        ]
    )


def _row(name: str, fit: sir.Fit) -> str:
    r0 = "-" if fit.r0 is None else f"{fit.r0:.2f}"
    rates = f"{fit.beta:.3f}", f"{fit.gamma:.3f}"
    return TABLE.format(name, *rates, r0, f"{fit.misfit:.0f}", f"{fit.rms:.1f} boys")


def write(directory: Path, grid: draw.Grid, fits: Sequence[sir.Fit], data: Path) -> str:
    """Write `misfits.csv` and `influenza.svg`, and return the text that says what is in them.

    Args:
        directory: Where the files go.
        grid: All points that the campaign tries.
        fits: Those that are known, at least one.
        data: The counts.
    """
    counts = sir.read_counts(data)
    best = min(fits, key=lambda fit: fit.misfit)
    published = sir.fit(*PUBLISHED_RATES, counts)
    misfits = {(fit.beta, fit.gamma): fit.misfit for fit in fits}
    csv_file, svg_file = directory / "misfits.csv", directory / "influenza.svg"
    write_misfits(csv_file, fits)
    svg_file.write_text(draw.picture(grid, misfits, best, published, counts), encoding="utf-8")
    files = f"  misfits:  {shown(csv_file)}\n  picture:  {shown(svg_file)}"
    return f"{table(best, published, len(fits))}\n\n{files}"


def shown(path: Path) -> str:
    """A path as people like to read it: relative where it lies in the current directory."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
