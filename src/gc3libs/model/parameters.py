"""The plain values among a task's attributes, as text and as bytes that are the same everywhere."""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

import msgspec

from gc3libs.persistence.persistable import Persistable

PLAIN = frozenset({int, float, str, bool, type(None)})
"""Types of values that are parameters."""


def _pickled(value: Any) -> bytes:
    """A value that MessagePack does not know, for a digest."""
    if isinstance(value, Persistable):
        raise TypeError("it refers to another task")
    return pickle.dumps(value, protocol=5)


_stable = msgspec.msgpack.Encoder(order="sorted", enc_hook=_pickled)
_json = msgspec.json.Encoder()


def digest_of(value: Any) -> str:
    """Of a value and all that is in it: the same in any process, for any order of dictionaries.

    Raises:
        Exception: Whatever the code of a value that is no builtin raises when it is pickled.
    """
    return hashlib.blake2b(_stable.encode(value), digest_size=16).hexdigest()


def as_json(parameters: dict[str, Any]) -> str:
    """A JSON object of those that are plain."""
    if not parameters:
        return "{}"
    types = set(map(type, parameters.values()))
    if not types <= PLAIN or (int in types and not all(map(_is_short, parameters.values()))):
        parameters = {
            name: number
            for name, value in parameters.items()
            if (number := _number(value)) is not _NONE_SUCH
        }
    try:
        return _json.encode(parameters).decode()
    except UnicodeEncodeError:
        kept = {name: value for name, value in parameters.items() if _is_unicode(name, value)}
        return _json.encode(kept).decode()


_NONE_SUCH = object()


def _number(value: Any) -> Any:
    """The plain value that this one is, or stands for, as numpy's scalars do; else `_NONE_SUCH`."""
    if type(value) in PLAIN:
        return value if _is_short(value) else _NONE_SUCH
    if isinstance(value, str | int | float):
        base = next(each for each in (str, int, float) if isinstance(value, each))
        return base(value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        item = value.item()
        return item if type(item) in PLAIN else _NONE_SUCH
    return _NONE_SUCH


def _is_short(value: Any) -> bool:
    """Whether a value, if it is a whole number, is one that every database can hold."""
    return type(value) is not int or -(2**63) <= value < 2**63


def _is_unicode(*texts: Any) -> bool:
    try:
        "".join(text for text in texts if isinstance(text, str)).encode()
    except UnicodeEncodeError:
        return False
    return True
