"""Amounts of memory and of time, with their units.

    >>> from gc3libs.quantity import GB, MB, Duration, Memory, hours
    >>> print(2 * GB + 500 * MB)
    2500MB
    >>> Memory("1.5 GB") > 1 * GB
    True
    >>> Duration("2h30m").in_seconds()
    9000.0
    >>> (36 * hours).to_timedelta()
    datetime.timedelta(days=1, seconds=43200)

A unit is a quantity itself: ``Memory.GB``, ``Duration.hours``. Whole numbers stay whole numbers,
as long as they can; quantities read from text hold floats.

Longer than other modules, for it holds every name of every unit that scripts import.
"""

from __future__ import annotations

import itertools
import math
import operator
import re
from collections.abc import Callable
from datetime import timedelta
from numbers import Integral, Real
from typing import Any, ClassVar, Self, TypeAlias, TypeVar, cast

from gc3libs.exceptions import InvalidType, InvalidValue

Number: TypeAlias = int | float
_Q = TypeVar("_Q", bound="_Quantity")

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_TERM = re.compile(rf"\s*({_NUMBER})\s*([A-Za-z]+)\s*", re.ASCII)
_CLOCK = re.compile(r"\s*(?:(\d+):)?(\d+):(\d{1,2}):(\d{1,2})\s*", re.ASCII)


def _identity(number: Any) -> Any:
    return number


class _Unit:
    """Declares a unit in the body of a quantity's class; seen from outside, it is a quantity.

    A unit assigned to several names is called by the first of them.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._unit: _Quantity | None = None

    def __set_name__(self, owner: type[_Quantity], name: str) -> None:
        if self._unit is None:
            owner._sizes[name] = self._size
            self._unit = owner._make(1, name)
        owner._units[name] = self._unit

    def __get__(self, instance: object, owner: type[_Q]) -> _Q:
        return cast(_Q, self._unit)


class _Quantity:
    """A number and the unit that it counts; never changes once it is made."""

    __slots__ = ("_amount", "_name")
    __hash__ = None  # type: ignore[assignment]  # equal is what rounds to the same whole base units
    __array_ufunc__ = None  # numpy's numbers leave the arithmetic to us

    _units: ClassVar[dict[str, Any]]  # by every spelling
    _sizes: ClassVar[dict[str, int]]  # in base units, by name
    _preferred: ClassVar[tuple[tuple[str, ...], ...]]  # families of units, ascending
    _example: ClassVar[str]

    _amount: Number
    _name: str

    def __init__(self, val: str | Self | Number, unit: Self | None = None) -> None:
        if isinstance(val, type(self)):
            self._amount, self._name = val._amount, val._name
        elif isinstance(val, str):
            self._amount, self._name = self._parse(val)
        elif isinstance(val, Real):
            if not isinstance(unit, type(self)):
                raise InvalidType(
                    f"{type(self).__name__}({val!r}, {unit!r}): a number needs a unit that is a"
                    f" {type(self).__name__}, for example {type(self).__name__}({self._example!r})"
                )
            self._amount, self._name = _plain(val) * unit._amount, unit._name
        else:
            raise InvalidType(
                f"cannot make a {type(self).__name__} of {val!r}; give text such as"
                f" {self._example!r}, or a number and a unit"
            )
        if not math.isfinite(self._amount):
            raise InvalidValue(f"{val!r} is no amount of anything: a finite number is needed")

    @classmethod
    def _make(cls, amount: Number, name: str) -> Self:
        made = cls.__new__(cls)
        made._amount = amount
        made._name = name
        return made

    @classmethod
    def _parse(cls, text: str) -> tuple[Number, str]:
        match = _TERM.fullmatch(text)
        unit = cls._units.get(match[2]) if match else None
        if match is None or unit is None:
            raise cls._unreadable(text)
        return float(match[1]), unit._name

    @classmethod
    def _unreadable(cls, text: str, hint: str = "") -> InvalidValue:
        units = ", ".join(dict.fromkeys(itertools.chain(*cls._preferred)))
        return InvalidValue(
            f"cannot read {text!r} as a {cls.__name__}{hint}; write it like {cls._example!r},"
            f" with one of these units: {units}"
        )

    @property
    def unit(self) -> Self:
        """The unit that the amount counts; a unit's is itself."""
        return cast(Self, self._units[self._name])

    @property
    def base(self) -> Self:
        """The unit of size 1 of this kind of quantity: bytes, nanoseconds."""
        return cast(Self, next(iter(self._units.values())))

    @property
    def name(self) -> str:
        """The name of the unit."""
        return self._name

    @property
    def _total(self) -> Number:
        """The amount in base units."""
        return self._amount * self._sizes[self._name]

    def _whole(self) -> int:
        return round(self._total)

    def amount(self, unit: Self | None = None, conv: Callable[[Any], Any] = _identity) -> Any:
        """The number of units in this quantity.

        Where both the quantity and the unit are whole numbers, the result is one, too, rounded
        down: ``(1500 * MB).amount(GB)`` is 1. For a fraction, give ``conv=float``.

        Args:
            unit: What to count; the quantity's own unit if not given.
            conv: Applied to both numbers before the division.

        Raises:
            InvalidType: the unit is of another kind.
        """
        if unit is None:
            return conv(self._amount)
        total, size = conv(self._total), conv(self._same(unit)._total)
        if isinstance(total, int) and isinstance(size, int):
            return total // size
        return total / size

    def to_str(
        self, fmt: str, unit: Self | None = None, conv: Callable[[Any], Any] = _identity
    ) -> str:
        """Format number and unit with ``%``; with one specifier, the unit's name is appended.

            >>> (1500 * Memory.MB).to_str("%d [%s]", unit=Memory.MB)
            '1500 [MB]'
            >>> Memory("1.5GB").to_str("%g")
            '1.5GB'

        Raises:
            InvalidValue: the format has neither one nor two specifiers.
        """
        specifiers = fmt.replace("%%", "").count("%")
        name = (unit or self)._name
        if specifiers == 1:
            return f"{fmt % self.amount(unit, conv)}{name}"
        if specifiers == 2:
            return fmt % (self.amount(unit, conv), name)
        raise InvalidValue(f"format {fmt!r} needs a place for the number, as in '%g%s'")

    def __str__(self) -> str:
        amount = self._amount
        return f"{int(amount) if amount == int(amount) else amount}{self._name}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._amount!r}, unit={self._name})"

    def _same(self, other: object) -> Self:
        if not isinstance(other, type(self)):
            raise InvalidType(
                f"{self!r} and {other!r} cannot go together: only a {type(self).__name__} can be"
                f" compared with, added to or counted in a {type(self).__name__}"
            )
        return other

    def __eq__(self, other: object) -> bool:
        return self._whole() == self._same(other)._whole()

    def __lt__(self, other: Self) -> bool:
        return self._whole() < self._same(other)._whole()

    def __le__(self, other: Self) -> bool:
        return self._whole() <= self._same(other)._whole()

    def __gt__(self, other: Self) -> bool:
        return self._whole() > self._same(other)._whole()

    def __ge__(self, other: Self) -> bool:
        return self._whole() >= self._same(other)._whole()

    def _combine(self, other: object, how: Callable[[Number, Number], Number]) -> Self:
        other = self._same(other)
        if self._name == other._name:
            return self._make(how(self._amount, other._amount), self._name)
        name = min(self._name, other._name, key=self._sizes.__getitem__)
        return self._make(_divide(how(self._total, other._total), self._sizes[name]), name)

    def __add__(self, other: Self) -> Self:
        return self._combine(other, operator.add)

    def __radd__(self, other: object) -> Self:
        if isinstance(other, Real) and other == 0:  # where `sum` starts
            return self
        return self._combine(other, lambda mine, theirs: theirs + mine)

    def __sub__(self, other: Self) -> Self:
        return self._combine(other, operator.sub)

    def __mul__(self, number: Number) -> Self:
        if not isinstance(number, Real):
            return NotImplemented
        return type(self)(number, self)

    __rmul__ = __mul__

    def __truediv__(self, other: Self | Number) -> Any:
        """A quantity by another is a float; by a number, it is a quantity in a handy unit."""
        if isinstance(other, Real):
            return self._handy(self._total / float(other))
        return self._total / self._same(other)._total

    def __floordiv__(self, other: Self) -> int:
        """How often the other quantity fits into this one."""
        return int(self._total // self._same(other)._total)

    def _handy(self, total: float) -> Self:
        """So many base units, in the largest unit of this one's family that is no larger."""
        family = next((f for f in self._preferred if self._name in f), self._preferred[0])
        fitting = [name for name in family if self._sizes[name] <= abs(total)]
        name = fitting[-1] if fitting else family[0]
        return self._make(total / self._sizes[name], name)


def _plain(number: Real) -> Number:
    """Python's own number for whatever is one, as of numpy."""
    return int(number) if isinstance(number, Integral) else float(number)


def _divide(total: Number, size: int) -> Number:
    """Exact where it can be."""
    if isinstance(total, int) and total % size == 0:
        return total // size
    return total / size


class Memory(_Quantity):
    """An amount of memory or storage.

    Made from text with a unit (``Memory("2 GB")``, case matters), from a number and a unit
    (``Memory(1500, Memory.MB)``, or just ``1500 * MB``) or from another one. Compared as whole
    bytes, and only with others of its kind.

    Raises:
        InvalidValue: the text is not a number and a unit.
        InvalidType: a number without a unit, or something else.
    """

    __slots__ = ()
    _units = {}
    _sizes = {}
    _preferred = (("B", "kB", "MB", "GB", "TB", "PB"), ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))
    _example = "2 GB"

    B = _Unit(1)
    kB = _Unit(1000)
    MB = _Unit(1000**2)
    GB = _Unit(1000**3)
    TB = _Unit(1000**4)
    PB = _Unit(1000**5)
    KiB = _Unit(1024)
    MiB = _Unit(1024**2)
    GiB = _Unit(1024**3)
    TiB = _Unit(1024**4)
    PiB = _Unit(1024**5)

    def in_bytes(self) -> int:
        """The amount in bytes, rounded to a whole one."""
        return self._whole()


_MICROSECOND = 1000
_MILLISECOND = 1000**2
_SECOND = 1000**3
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY


class Duration(_Quantity):
    """A length of time.

    Made from text (``"8 hours"``, ``"2h30m"``, ``"1 day 4 hours"``, ``HH:MM:SS``,
    ``DD:HH:MM:SS``), from a number and a unit, from a `datetime.timedelta` or from another one.
    Compared as whole nanoseconds, and only with others of its kind.

    Raises:
        InvalidValue: the text is not a duration: it has no unit, an unknown one, is ``XX:YY``, or
            its terms do not go from large to small units.
        InvalidType: a number without a unit, or something else.
    """

    __slots__ = ()
    _units = {}
    _sizes = {}
    _preferred = (("ns", "us", "ms", "s", "m", "h", "d"),)
    _example = "2 hours 30 minutes"

    ns = _Unit(1)
    nanosec = _Unit(1)
    nanosecond = nanoseconds = _Unit(1)
    us = _Unit(_MICROSECOND)
    microsec = _Unit(_MICROSECOND)
    microseconds = _Unit(_MICROSECOND)
    ms = _Unit(_MILLISECOND)
    millisec = _Unit(_MILLISECOND)
    milliseconds = _Unit(_MILLISECOND)
    s = _Unit(_SECOND)
    sec = secs = _Unit(_SECOND)
    second = seconds = _Unit(_SECOND)
    m = _Unit(_MINUTE)
    min = mins = _Unit(_MINUTE)
    minute = minutes = _Unit(_MINUTE)
    h = _Unit(_HOUR)
    hr = hrs = _Unit(_HOUR)
    hour = hours = _Unit(_HOUR)
    d = _Unit(_DAY)
    day = days = _Unit(_DAY)
    w = _Unit(_WEEK)
    wk = _Unit(_WEEK)
    week = weeks = _Unit(_WEEK)

    def __init__(
        self, val: str | Duration | timedelta | Number, unit: Duration | None = None
    ) -> None:
        if isinstance(val, timedelta):
            microseconds = val // timedelta(microseconds=1)
            self._amount, self._name = _largest_exact(microseconds * _MICROSECOND)
        else:
            super().__init__(val, unit)

    @classmethod
    def from_seconds(cls, seconds: Number) -> Duration:
        """So many seconds."""
        return cls(seconds, cls.s)

    def in_seconds(self) -> float:
        """The length in seconds."""
        return self._total / _SECOND

    def to_timedelta(self) -> timedelta:
        """The same length, to the microsecond, as the standard library has it."""
        seconds, rest = divmod(self._whole(), _SECOND)
        return timedelta(seconds=seconds, microseconds=round(rest / _MICROSECOND))

    @classmethod
    def _parse(cls, text: str) -> tuple[Number, str]:
        if ":" in text:
            return cls._parse_clock(text), "s"
        terms = cls._terms(text)
        sizes = [cls._sizes[name] for _, name in terms]
        if any(left <= right for left, right in itertools.pairwise(sizes)):
            raise cls._unreadable(text, ": its terms must go from large units to small ones")
        if len(terms) == 1:
            return float(terms[0][0]), terms[0][1]
        if not all(number.isdigit() for number, _ in terms[:-1]):
            raise cls._unreadable(text, ": only the last term can be a fraction")
        number, name = terms[-1]
        larger = sum(int(n) * size for (n, _), size in zip(terms[:-1], sizes, strict=False))
        return larger / sizes[-1] + float(number), name

    @classmethod
    def _terms(cls, text: str) -> list[tuple[str, str]]:
        """The numbers in the text, and the name of the unit of each."""
        terms: list[tuple[str, str]] = []
        end = 0
        while not terms or end < len(text):
            match = _TERM.match(text, end)
            unit = match and (cls._units.get(match[2]) or cls._units.get(match[2].lower()))
            if not match or unit is None:
                raise cls._unreadable(text)
            terms.append((match[1], unit._name))
            end = match.end()
        return terms

    @classmethod
    def _parse_clock(cls, text: str) -> float:
        match = _CLOCK.fullmatch(text)
        if match is None:
            raise cls._unreadable(text, " (with colons, it has to be HH:MM:SS or DD:HH:MM:SS)")
        days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
        if minutes > 59 or seconds > 59 or (match[1] and hours > 23):
            raise cls._unreadable(text, ": no clock shows that")
        return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _largest_exact(total: int) -> tuple[int, str]:
    """So many nanoseconds, in the largest unit that makes a whole number of them."""
    for name in reversed(Duration._preferred[0]):
        count, rest = divmod(total, Duration._sizes[name])
        if count and not rest:
            return count, name
    return 0, "s"


B = byte = bytes = Memory.B
kB = Memory.kB
MB = Memory.MB
GB = Memory.GB
TB = Memory.TB
KiB = Memory.KiB
MiB = Memory.MiB
GiB = Memory.GiB
TiB = Memory.TiB

s = Duration.s
secs = Duration.secs
seconds = Duration.seconds
m = Duration.m
mins = Duration.mins
minutes = Duration.minutes
h = Duration.h
hrs = Duration.hrs
hours = Duration.hours
d = Duration.d
days = Duration.days

__all__ = [  # without `bytes`, so that `import *` does not hide the built-in type
    "B", "Duration", "GB", "GiB", "KiB", "MB", "Memory", "MiB", "TB", "TiB", "byte", "d", "days",
    "format_bytes", "format_seconds", "h", "hours", "hrs", "kB", "m", "mins", "minutes", "s",
    "seconds", "secs",
]  # fmt: skip


_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")


def format_bytes(number: float) -> str:
    """A size for people to read, with two digits at least.

    >>> format_bytes(14_000_000), format_bytes(1_540_000_000), format_bytes(512)
    ('14 MB', '1.5 GB', '512 B')
    """
    size, power = float(number), 0
    while abs(size) >= 999.5 and power < len(_BYTES) - 1:
        size /= 1000
        power += 1
    digits = 0 if power == 0 or abs(size) >= 9.95 else 1
    return f"{size:.{digits}f} {_BYTES[power]}"


def format_seconds(seconds: float) -> str:
    """A length of time for people to read, with its two largest units.

    >>> format_seconds(0.21), format_seconds(10), format_seconds(300), format_seconds(5400)
    ('0.2 s', '10 s', '5 min', '1 h 30 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    if round(seconds) < 60 * 60:
        return _in_two_units(round(seconds), 60, "min", "s")
    if round(seconds / 60) < 24 * 60:
        return _in_two_units(round(seconds / 60), 60, "h", "min")
    return _in_two_units(round(seconds / 3600), 24, "d", "h")


def _in_two_units(amount: int, size: int, large: str, small: str) -> str:
    count, rest = divmod(amount, size)
    return f"{count} {large} {rest} {small}" if rest else f"{count} {large}"
