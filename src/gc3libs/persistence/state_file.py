"""The file `store` of a `FilesystemStore`: its format, the next number, and who wrote last."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import NamedTuple

from gc3libs.exceptions import NewerFormat
from gc3libs.persistence.record import FORMAT


class Mark(NamedTuple):
    """What writers leave for each other.

    Attributes:
        writer: Names the store object that wrote last; empty if that is not known.
        synced: A power failure loses nothing that was written.
    """

    writer: str
    synced: bool


UNKNOWN = Mark("", False)


def parse_number(content: bytes, root: Path) -> int | None:
    """The next number, or None if the state file is empty or damaged.

    Raises:
        NewerFormat: A later version wrote it.
    """
    first, second, _ = _lines(content)
    format_ = first.removeprefix("gc3libs store, format ")
    if format_.isdigit() and int(format_) > FORMAT:
        raise NewerFormat(str(root), int(format_), FORMAT)
    text, _, check = second.rpartition(" ")
    number = text.removeprefix("next ")
    if not number.isdigit() or check != _check(f"{first}\n{text} "):
        return None
    return int(number)


def with_number(number: int) -> bytes:
    """The beginning of a state file that says which number is the next."""
    text = f"gc3libs store, format {FORMAT:05d}\nnext {number:020d} "
    return f"{text}{_check(text)}\n".encode()


def parse_mark(content: bytes) -> Mark:
    """The mark; one that is damaged says that nothing is known."""
    text, _, check = _lines(content)[2].rpartition(" ")
    writer, _, synced = text.removeprefix("writer ").partition(", synced ")
    return Mark(writer, synced == "1") if check == _check(f"{text} ") else UNKNOWN


def with_mark(mark: Mark) -> bytes:
    """What is to stand at `MARK_AT`."""
    text = f"writer {mark.writer}, synced {mark.synced:d} "
    return f"{text}{_check(text)}\n".encode()


def _lines(content: bytes) -> list[str]:
    return [*content.decode("ascii", "replace").split("\n"), "", ""][:3]


def _check(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


MARK_AT = len(with_number(0))
"""Where the mark begins."""
