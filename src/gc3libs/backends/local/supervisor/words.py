"""Quantities as people write them."""

from __future__ import annotations

_ROUND = 10_000  # more of a unit than this is no round figure


def duration(seconds: float) -> str:
    """`10 s`, `5 min`, `2 h`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def memory(size: int) -> str:
    """`500 MB`; `2 GiB` where that is the rounder figure."""
    decimal = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
    binary = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
    for units in (decimal, binary):
        for unit, factor in units:
            if size % factor == 0 and 1 <= size // factor < _ROUND:
                return f"{size // factor} {unit}"
    for unit, factor in decimal:
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"
