"""What jobs have written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_TAIL: Final = 8192
"""Bytes at the end of a file in which its last line is looked for."""


def last_line(path: Path) -> str:
    """The last line of a file that says something, in letters; empty if there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            text = file.read(_TAIL).decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if any(map(str.isalpha, line))]
    return lines[-1] if lines else ""
