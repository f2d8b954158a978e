"""The file `store` of a `FilesystemStore`: its format, and the next number."""

from __future__ import annotations

import zlib
from pathlib import Path

from gc3libs.exceptions import NewerFormat
from gc3libs.persistence.record import FORMAT


def parse_state(content: bytes, root: Path) -> int | None:
    """The next number, or None if the state file is empty or damaged.

    Raises:
        NewerFormat: A later version wrote it.
    """
    first, _, second = content.decode("ascii", "replace").partition("\n")
    format_ = first.removeprefix("gc3libs store, format ")
    if format_.isdigit() and int(format_) > FORMAT:
        raise NewerFormat(str(root), int(format_), FORMAT)
    text, _, check = second.rstrip("\n").rpartition(" ")
    number = text.removeprefix("next ")
    if not number.isdigit() or check != _check(f"{first}\n{text} "):
        return None
    return int(number)


def state_with(number: int) -> bytes:
    """The content of a state file that says which number is the next."""
    text = f"gc3libs store, format {FORMAT:05d}\nnext {number:020d} "
    return f"{text}{_check(text)}\n".encode()


def _check(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
