"""Numbers, texts and sets of names, as scripts handle them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, TypeVar

from gc3libs.exceptions import InvalidValue

_T = TypeVar("_T")


def irange(start: float, stop: float, step: float = 1) -> Iterator[float]:
    """Numbers from `start` on, without `stop`; fractions and negative steps work, too.

    >>> list(irange(1, 2, 0.25))
    [1.0, 1.25, 1.5, 1.75]

    Raises:
        InvalidValue: the step is 0.
    """
    if step == 0:
        raise InvalidValue(f"irange({start}, {stop}, 0) would never end; the step cannot be 0")
    numbers = (start + index * step for index in itertools.count())
    if step > 0:
        return itertools.takewhile(lambda number: number < stop, numbers)
    return itertools.takewhile(lambda number: number > stop, numbers)


def parse_range(spec: str) -> tuple[int, int, int] | tuple[float, float, float]:
    """Read ``LOW:HIGH[:STEP]``, or a single number, as the arguments of `irange`.

    >>> parse_range("1:10:2"), parse_range("42"), parse_range("0:1:.5")
    ((1, 10, 2), (42, 43, 1), (0.0, 1.0, 0.5))

    Raises:
        InvalidValue: it is something else.
    """
    parts = spec.split(":")
    kind = float if "." in spec else int
    try:
        numbers = [kind(part) for part in parts]
        low = numbers[0]
        high, step = [*numbers[1:], *((low + 1, 1)[len(numbers) - 1 :])]
    except ValueError as err:
        raise InvalidValue(f"{spec!r} is no range; write it as LOW:HIGH:STEP, 1:10:2") from err
    return low, high, kind(step)


def string_to_boolean(text: str) -> bool:
    """Whether the text is one of true, yes, on and 1, in any case."""
    return text.strip().lower() in ("true", "yes", "on", "1")


def first(items: Iterable[_T]) -> _T:
    """The first of them.

    Raises:
        InvalidValue: there is none.
    """
    for item in items:
        return item
    raise InvalidValue(f"nothing comes first in {items!r}: it is empty")


_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgtpezy])(i?))?b?\s*", re.IGNORECASE)


def to_bytes(size: str) -> int:
    """A number of bytes, written with a prefix of any case and with or without the ``B``.

    >>> to_bytes("1KiB"), to_bytes("1.5 MB"), to_bytes("2G"), to_bytes("512")
    (1024, 1500000, 2000000000, 512)

    Raises:
        InvalidValue: it is something else.
    """
    match = _SIZE.fullmatch(size)
    if match is None:
        raise InvalidValue(f"{size!r} is no size; write it like 512, 2GB or 1KiB")
    number, prefix, binary = match.groups()
    power = 1 + "kmgtpezy".index(prefix.lower()) if prefix else 0
    scale: int = (1024 if binary else 1000) ** power
    return int(number) * scale if number.isdigit() else round(float(number) * scale)


class Enum(frozenset[str]):
    """A fixed set of names, each of them an attribute, too.

    >>> Colour = Enum("RED", "GREEN")
    >>> Colour.RED, "GREEN" in Colour
    ('RED', True)
    """

    __slots__ = ()

    def __new__(cls, *names: str) -> Enum:
        return super().__new__(cls, names)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self)

    def __getattr__(self, name: str) -> str:
        if name in self:
            return name
        raise AttributeError(f"no {name!r} among {', '.join(sorted(self))}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise SyntaxError(f"cannot set {name!r}: these names are fixed")

    def __delattr__(self, name: str) -> NoReturn:
        raise SyntaxError(f"cannot delete {name!r}: these names are fixed")
