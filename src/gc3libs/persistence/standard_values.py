"""Values of the standard library, enumerations and exceptions as plain data, and back.

Some are written as calls of their types: datetimes, `Decimal`, `deque` and the like. Those whose
own pickles differ between versions of Python, or would call more than a type, are written as calls
of the functions of `RESTORERS`. Either way what a record gives is checked: no user's code runs,
and no more memory is needed than what was given has.
"""

from __future__ import annotations

import enum
import logging
import re
from collections.abc import Callable
from typing import Any

from gc3libs.exceptions import SaveError
from gc3libs.persistence.trust import NotTrusted, why_no_value

Reduced = tuple[Any, ...]
Name = tuple[str, str]

_LONGEST_NAME = 1000
_LONGEST_PATTERN = 10_000
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", re.ASCII)
_FRACTION = re.compile(r"-?\d+(/\d+)?", re.ASCII)
_PATHS = {
    "PosixPath": "Path",
    "WindowsPath": "Path",
    "PurePosixPath": "PurePosixPath",
    "PureWindowsPath": "PureWindowsPath",
}


def standard_name(cls: type) -> Name:
    """Module and name of a class; the same for all versions of Python."""
    module = cls.__module__
    return ("pathlib" if module == "pathlib._local" else module), cls.__qualname__


def reduce_standard(obj: Any) -> Any:
    """A value as one of `RESTORERS` and its arguments.

    NotImplemented if pickle writes it as a call of its type; None if it is no value of the standard
    library, enumeration or exception.

    Raises:
        SaveError: It is one, and cannot be kept.
    """
    name = standard_name(type(obj))
    reducer = _REDUCERS.get(name)
    if reducer is not None:
        return reducer(obj)
    if name in CONSTRUCTORS or obj is Ellipsis or obj is NotImplemented:
        return NotImplemented
    if isinstance(obj, enum.Enum):
        return _reduce_member(obj)
    if isinstance(obj, BaseException):
        return _reduce_exception(obj)
    if isinstance(obj, logging.Logger):
        _check_length("a logger's name", obj.name, _LONGEST_NAME)
        return logger, (obj.name,)
    return None


def _check_length(what: str, text: Any, longest: int) -> None:
    if len(text) > longest:
        raise SaveError(what, f"it is longer than {longest} characters")


def _reduce_member(obj: enum.Enum) -> Reduced:
    cls = type(obj)
    if cls._member_map_.get(obj._name_) is obj:
        return member, (cls, obj._name_)
    return flags, (cls, obj._value_)


def _reduce_exception(obj: BaseException) -> Reduced:
    reason = "" if type(obj).__module__ == "builtins" else why_no_value(type(obj))
    if reason:
        raise SaveError(f"a {type(obj).__qualname__}", reason)
    reduced = obj.__reduce_ex__(5)
    if isinstance(reduced, str) or reduced[0] is not type(obj):
        raise SaveError(f"a {type(obj).__qualname__}", "it is not rebuilt by its class")
    attributes: dict[str, Any] = dict(reduced[2]) if len(reduced) > 2 and reduced[2] else {}
    state = object.__getstate__(obj)
    if isinstance(state, tuple):
        attributes.update(state[1])
    return exception, (type(obj), tuple(reduced[1])), attributes or None


def _reduce_path(obj: Any) -> Reduced:
    return path, (_PATHS[type(obj).__name__], str(obj))


def _reduce_pattern(obj: Any) -> Reduced:
    _check_length("a regular expression", obj.pattern, _LONGEST_PATTERN)
    return pattern, (obj.pattern, obj.flags)


def _reduce_zone(obj: Any) -> Reduced:
    if obj.key is None:
        raise SaveError("a ZoneInfo", "it was made from a file and has no key to find it by")
    return zone, (obj.key,)


def _reduce_uuid(obj: Any) -> Reduced:
    return uuid, (obj.bytes,)


def _reduce_defaultdict(obj: Any) -> Reduced:
    if not isinstance(obj.default_factory, type | None):
        raise SaveError("a defaultdict", "its factory is a function; a class is needed, or None")
    return obj.__reduce__()  # type: ignore[no-any-return]


_REDUCERS: dict[Name, Callable[[Any], Reduced]] = {
    ("collections", "defaultdict"): _reduce_defaultdict,
    ("re", "Pattern"): _reduce_pattern,
    ("uuid", "UUID"): _reduce_uuid,
    ("zoneinfo", "ZoneInfo"): _reduce_zone,
    **{("pathlib", name): _reduce_path for name in _PATHS},
}


# the functions that records may have called


def logger(name: Any) -> logging.Logger:
    """A logger, which is kept by its name."""
    if type(name) is not str or len(name) > _LONGEST_NAME:
        raise ValueError("a logger's name is a short string")
    return logging.getLogger(name)


def path(kind: Any, text: Any) -> Any:
    """A path."""
    import pathlib

    if type(kind) is not str or kind not in _PATHS.values() or type(text) is not str:
        raise TypeError("a path is made of the name of its kind, and text")
    return getattr(pathlib, kind)(text)


def pattern(text: Any, flags: Any) -> re.Pattern[Any]:
    """A regular expression."""
    if type(text) not in (str, bytes) or type(flags) is not int or len(text) > _LONGEST_PATTERN:
        raise TypeError("a regular expression is made of a text that is not too long, and flags")
    return re.compile(text, flags & ~re.DEBUG.value)


def is_zone_key(key: Any) -> bool:
    """Whether it looks like the key of a time zone, and like nothing else."""
    return type(key) is str and len(key) <= _LONGEST_NAME and _ZONE.fullmatch(key) is not None


def zone(key: Any) -> Any:
    """A time zone of the time zone database."""
    import zoneinfo

    if not is_zone_key(key):
        raise ValueError(f"{key!r} is no key of a time zone")
    return zoneinfo.ZoneInfo(key)


def uuid(data: Any) -> Any:
    """A UUID, from its 16 bytes."""
    import uuid

    if type(data) is not bytes:
        raise TypeError("a UUID is made of bytes")
    return uuid.UUID(bytes=data)


def member(cls: Any, name: Any) -> enum.Enum:
    """A member of an enumeration, by its name."""
    if not isinstance(cls, enum.EnumType) or type(name) is not str:
        raise TypeError("a member of an enumeration is found by its name")
    found = cls._member_map_.get(name)
    if found is None:
        raise ValueError(f"{cls.__qualname__} has no member {name!r} any more")
    return found


def flags(cls: Any, value: Any) -> enum.Flag:
    """A combination of flags."""
    if not isinstance(cls, enum.EnumType) or not issubclass(cls, enum.Flag):
        raise TypeError("a combination of flags needs an enumeration of flags")
    if type(value) is not int:
        raise TypeError("a combination of flags is a whole number")
    known = cls._value2member_map_.get(value)
    if known is None:  # what Enum itself does, but for a _missing_ of the user's
        known = enum.Flag._missing_.__func__(cls, value)  # type: ignore[attr-defined]
    return known  # type: ignore[return-value]


def exception(cls: Any, args: Any) -> BaseException:
    """An exception, as it was: an `__init__` of the user's is not called again."""
    if not isinstance(cls, type) or not issubclass(cls, BaseException) or type(args) is not tuple:
        raise TypeError("an exception is made of its class and arguments")
    reason = "" if cls.__module__ == "builtins" else why_no_value(cls)
    if reason:
        raise NotTrusted(f"a {cls.__qualname__}: {reason}")
    builtin: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
    made = builtin.__new__(cls, *args)
    if isinstance(made, cls):
        builtin.__init__(made, *args)
    return made  # type: ignore[no-any-return]


RESTORERS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (logger, path, pattern, zone, uuid, member, flags, exception)
}


# types that records may have called, and what with


def _takes(*allowed: type, least: int | None = None) -> Callable[[type, tuple[Any, ...]], Any]:
    """A constructor that passes on arguments of exactly these types; the last may be left out."""

    def construct(cls: type, args: tuple[Any, ...]) -> Any:
        fewest = len(allowed) if least is None else least
        if not fewest <= len(args) <= len(allowed):
            raise NotTrusted(f"{cls.__qualname__} made of {len(args)} arguments")
        for arg, kind in zip(args, allowed, strict=False):
            if kind is not object and type(arg) is not kind:
                raise NotTrusted(f"{cls.__qualname__} made of a {type(arg).__qualname__}")
        return cls(*args)

    return construct


def _fraction(cls: type, args: tuple[Any, ...]) -> Any:
    if len(args) == 1 and type(args[0]) is str and _FRACTION.fullmatch(args[0]):
        return cls(*args)
    return _takes(int, int)(cls, args)


def _deque(cls: type, args: tuple[Any, ...]) -> Any:
    if args and (type(args[0]) not in (tuple, list) or args[0]):
        raise NotTrusted("a deque made of more than its length")
    return cls(*args)


def _defaultdict(cls: type, args: tuple[Any, ...]) -> Any:
    if len(args) > 1 or not isinstance(args[0] if args else None, type | None):
        raise NotTrusted("a defaultdict made of more than a class")
    return cls(*args)


def _address(cls: type, args: tuple[Any, ...]) -> Any:
    return _takes(int if args and type(args[0]) is int else str)(cls, args)


def _path(cls: type, args: tuple[Any, ...]) -> Any:
    return _takes(*[str] * len(args))(cls, args)


def _datetime(cls: type, args: tuple[Any, ...]) -> Any:
    return cls(*args)  # checks them itself


CONSTRUCTORS: dict[Name, Callable[[type, tuple[Any, ...]], Any]] = {
    ("builtins", "complex"): _takes(float, float),
    ("builtins", "range"): _takes(int, int, int),
    ("builtins", "slice"): _takes(object, object, object),
    ("collections", "Counter"): _takes(dict, least=0),
    ("collections", "OrderedDict"): _takes(),
    ("collections", "defaultdict"): _defaultdict,
    ("collections", "deque"): _deque,
    **{
        ("datetime", name): _datetime
        for name in ("date", "datetime", "time", "timedelta", "timezone")
    },
    ("decimal", "Decimal"): _takes(str),
    ("fractions", "Fraction"): _fraction,
    **{
        ("ipaddress", f"IPv{version}{kind}"): _address
        for version in (4, 6)
        for kind in ("Address", "Interface", "Network")
    },
    **{("pathlib", name): _path for name in ("PurePath", "Path", *_PATHS)},
    ("types", "SimpleNamespace"): _takes(),
}
"""By module and name: makes a value from its type and the arguments that a record gives."""


def construct(cls: Any, args: Any) -> Any:
    """A value that pickle writes as a call of its type.

    Raises:
        NotTrusted: It is none, or the arguments are none of those that pickle writes.
    """
    if not isinstance(cls, type) or type(args) is not tuple:
        raise NotTrusted(f"a call of a {type(cls).__qualname__}")
    if issubclass(cls, BaseException):
        return exception(cls, args)
    if issubclass(cls, enum.Enum):
        return _member_by_value(cls, args)
    name = standard_name(cls)
    if name not in CONSTRUCTORS:
        raise NotTrusted(f"a call of {'.'.join(name)}")
    return CONSTRUCTORS[name](cls, args)


def _member_by_value(cls: type[enum.Enum], args: tuple[Any, ...]) -> enum.Enum:
    if len(args) != 1 or type(args[0]) not in (int, str, float, bytes):
        raise NotTrusted(f"a member of {cls.__qualname__} by a value that is not plain")
    found = cls._value2member_map_.get(args[0])
    return flags(cls, args[0]) if found is None else found
