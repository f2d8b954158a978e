"""Which file of a `FilesystemStore` holds what.

Files on their way are named after their kind and final name, so that whoever finds them knows
where they belong.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from gc3libs.exceptions import InvalidValue
from gc3libs.persistence.record import split_id

Place = tuple[str, str]
"""A directory below the store's, and a file's name in it."""

CHILDREN = "children"
"""The directory of who owns whom."""

_BUCKET = 1000
_LONGEST_NAME = 200
_BUCKET_NAME = re.compile("[0-9]{2,}", re.ASCII)


class File(NamedTuple):
    """A file to write.

    Attributes:
        kind: "new" or "record", "children" or "append", "blob", "epoch". Only "new" replaces
            nothing; "append" goes to the end of a file that is there.
        name: In its directory.
        data: Its content.
    """

    kind: str
    name: str
    data: bytes

    @property
    def place(self) -> Place:
        """Where it belongs."""
        return place_of(self.temporary)

    @property
    def temporary(self) -> str:
        """Its name on its way."""
        return f"{self.kind}.{self.name}"


def place_of(temporary: str) -> Place:
    """Where a file belongs that has this name on its way."""
    kind, _, name = temporary.partition(".")
    match kind:
        case "new" | "record":
            return record_place(name)
        case "children" | "append":
            return children_place(name)
        case "blob":
            return _blob_directory(name), name
        case _:
            return "epochs", name


def is_new(temporary: str) -> bool:
    """Whether a file that has this name on its way may replace nothing."""
    return temporary.startswith("new.")


def is_addition(temporary: str) -> bool:
    """Whether it goes to the end of another file."""
    return temporary.startswith("append.")


def record_place(id_: str) -> Place:
    """Of an object's record."""
    return bucket_of(id_), id_


def children_place(id_: str) -> Place:
    """Of the IDs of what an object owns."""
    return f"{CHILDREN}/{bucket_of(id_)}", id_


def addition_to(id_: str) -> str:
    """Name of an addition to what an object owns, on its way."""
    return File("append", id_, b"").temporary


def removed_place(bucket: str) -> Place:
    """Of the IDs of what was removed from a directory of records."""
    return f"{CHILDREN}/{bucket}", "removed"


def bucket_of(id_: str) -> str:
    """The directory of an ID: a thousand numbers share one.

    >>> bucket_of("Application.1017")
    '01'
    """
    return f"{split_id(id_)[1] // _BUCKET:02d}"


def is_bucket(name: str) -> bool:
    """Whether this is the name of a directory of records."""
    return _BUCKET_NAME.fullmatch(name) is not None


def blob_name(key: str) -> str:
    """Name of a blob's file; one with a long key is named by a hash."""
    name = quote(key, safe="", errors="surrogateescape")
    if len(name) <= _LONGEST_NAME:
        return name
    owner, slash, _ = name[:_LONGEST_NAME].partition("%2F")
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{owner}{slash}~{digest}" if slash else f"~{digest}"


def blob_place(key: str) -> Place:
    """Of a blob."""
    name = blob_name(key)
    return _blob_directory(name), name


def blob_owner(name: str) -> str:
    """The first part of the key, up to the slash, by the file's name."""
    return unquote(name.partition("%2F")[0])


def _blob_directory(name: str) -> str:
    try:
        return f"blobs/{bucket_of(blob_owner(name))}"
    except InvalidValue:
        return f"blobs/x{hashlib.sha256(name.encode()).hexdigest()[:2]}"


def epoch_name(session: str) -> str:
    """Name of the file with a session's epoch."""
    return quote(session, safe="").replace(".", "%2E")[:_LONGEST_NAME]
