"""Instances of users' classes as pickles, and back.

What is in a pickle is the class, the builtin value that an instance is (of a named tuple, say) and
its state: `__getstate__`, `__setstate__` and slots mean what they mean to pickle. Saving refuses
here whatever reading would refuse.
"""

from __future__ import annotations

import collections
import copyreg
import enum
import functools
import io
import sys
import threading
import types
import weakref
from collections.abc import Iterable
from types import FunctionType, MemberDescriptorType, MethodType
from typing import Any

from gc3libs.exceptions import SaveError
from gc3libs.persistence.persistable import Persistable, own_slots
from gc3libs.persistence.standard_values import standard_name
from gc3libs.persistence.trust import ATOMS, OWN_CLASSES, NotTrusted, why_no_value

_PLAIN_STANDARD = frozenset({("argparse", "Namespace"), ("collections", "ChainMap")})

_ADVICE: tuple[tuple[tuple[type, ...], str, str], ...] = (
    ((MethodType,), "a bound method", "keep the object, and the method's name"),
    (
        (types.BuiltinFunctionType, types.MethodWrapperType, types.WrapperDescriptorType),
        "a built-in function",
        "keep its name, or define a function that calls it",
    ),
    ((functools.partial,), "a functools.partial", "keep the function and its arguments"),
    ((types.ModuleType,), "a module", "keep its name"),
    ((io.IOBase,), "an open file", "keep its path"),
    (
        (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType),
        "a generator or coroutine",
        "keep a list of what it yields",
    ),
    ((memoryview,), "a memoryview", "keep bytes(it)"),
    ((weakref.ref,), "a weak reference", "keep the object, or nothing"),
    (
        (type(threading.Lock()), type(threading.RLock()), threading.Thread),
        "a lock or thread",
        "it belongs to this process; leave it out in __getstate__",
    ),
)


def check_kind(obj: Any) -> None:
    """Refuse what belongs to this process, or has a better way to be kept, in words of its own.

    Raises:
        SaveError: With advice.
    """
    for kinds, what, advice in _ADVICE:
        if isinstance(obj, kinds):
            raise SaveError(what, advice)


def reduce_instance(obj: Any) -> Any:
    """An instance as pickle writes it, seen to be readable again.

    Raises:
        SaveError: It is not.
    """
    cls = type(obj)
    reason = "" if is_listed(cls) else why_no_value(cls)
    if cls.__module__ == "builtins":
        reason = "it is not one of the builtin values that are kept"
    if reason:
        raise SaveError(f"a {cls.__qualname__}", reason)
    reduced = obj.__reduce_ex__(5)
    if type(reduced) is not tuple or reduced[0] is not copyreg.__newobj__:  # type: ignore[attr-defined]
        raise SaveError(f"a {cls.__qualname__}", "it decides itself how it is rebuilt")
    state = None if _is_empty(cls, reduced[2]) else reduced[2]
    try:
        if state is not None:
            check_state(cls, state)
    except (NotTrusted, TypeError) as err:
        raise SaveError(f"a {cls.__qualname__}", str(err)) from None
    return (*reduced[:2], state, *reduced[3:])


def _is_empty(cls: type, state: Any) -> bool:
    return _setstate(cls) is None and (state is False or (type(state) is dict and not state))


def is_listed(cls: type) -> bool:
    """Whether a class is on the lists of those whose instances are made as users' are."""
    return (
        f"{cls.__module__}:{cls.__qualname__}" in OWN_CLASSES
        or standard_name(cls) in _PLAIN_STANDARD
    )


def new_instance(cls: Any, args: Any) -> Any:
    """A new instance, without its state.

    Raises:
        NotTrusted: The class is no value class, or other arguments are given than the builtin value
            that it derives from.
    """
    if not isinstance(cls, type) or type(args) is not tuple:
        raise NotTrusted(f"an instance of {describe(cls)}")
    if issubclass(cls, Persistable | enum.Enum | BaseException) or cls.__module__ == "builtins":
        raise NotTrusted(f"an instance of {describe(cls)}")
    if f"{cls.__module__}:{cls.__qualname__}" in OWN_CLASSES:
        return cls.__new__(cls, *args)
    reason = "" if is_listed(cls) else why_no_value(cls)
    if reason:
        raise NotTrusted(f"an instance of {describe(cls)}: {reason}")
    return _atom(cls, args) if args else cls.__new__(cls)


def _atom(cls: type, args: tuple[Any, ...]) -> Any:
    """An instance of a class that derives from a builtin one, past a `__new__` of its own."""
    base = next((each for each in ATOMS if issubclass(cls, each)), None)
    if base is None:
        raise NotTrusted(f"an instance of {describe(cls)} made with arguments")
    if base is complex:
        args = (complex(*args),)
    elif base is tuple and hasattr(cls, "_fields"):
        args = (_all_fields(cls, args),)
    if len(args) != 1 or type(args[0]) is not base:
        raise NotTrusted(f"an instance of {describe(cls)} made with other arguments")
    return base.__new__(cls, *args)


def _all_fields(cls: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of a named tuple; those of fields that it has got since are their defaults."""
    missing = cls._fields[len(args) :]
    if len(args) > len(cls._fields) or not all(name in cls._field_defaults for name in missing):
        raise NotTrusted(f"{len(args)} values for the fields of {describe(cls)}")
    return (*args, *(cls._field_defaults[name] for name in missing))


def apply_state(obj: Any, state: Any) -> None:
    """Give a new object its state, as pickle would, but without ways round its class.

    A `__setstate__` of its class is called. Otherwise the items of a dictionary become attributes,
    whatever properties and `__setattr__` there are; those of a second one fill slots.

    Raises:
        NotTrusted: A name is special to Python, would replace a method by something else to call,
            or is no slot.
        TypeError: It is no such state.
    """
    cls = type(obj)
    check_state(cls, state)
    setstate = _setstate(cls)
    if setstate is not None:
        setstate(obj, state)
        return
    attributes, slots = _parts(state)
    for name, value in _items(attributes):
        if isinstance(obj, BaseException) and _is_slot(cls, name):
            getattr(cls, name).__set__(obj, value)
        else:
            vars(obj)[sys.intern(name)] = value
    for name, value in _items(slots):
        getattr(cls, name).__set__(obj, value)


def check_state(cls: type, state: Any) -> None:
    """See that an instance of a class can be given a state.

    A `__setstate__` of its own may do with it what it likes.

    Raises:
        NotTrusted, TypeError: As `apply_state`.
    """
    if _setstate(cls) is None:
        check_attributes(cls, state)


def check_attributes(cls: type, state: Any) -> None:
    """See that the items of a state may become attributes, and slots, of an instance of a class.

    Raises:
        NotTrusted, TypeError: As `apply_state`.
    """
    if type(state) is dict and _harmless[cls].issuperset(state):
        return
    attributes, slots = _parts(state)
    for name, value in _items(attributes):
        _check_attribute(cls, name, value)
    for name, _ in _items(slots):
        if not _is_slot(cls, name):
            raise NotTrusted(f"{name!r}, which is no slot of {cls.__qualname__}")
    names = _harmless[cls]
    if len(names) < _MOST_NAMES:
        names.update(name for name, _ in _items(attributes) if not _is_method(cls, name))


_harmless: collections.defaultdict[type, set[str]] = collections.defaultdict(set)
"""By class, names of attributes that are allowed whatever their values are."""
_MOST_NAMES = 10_000


def _setstate(cls: type) -> Any:
    setstate = getattr(cls, "__setstate__", None)
    return None if setstate is BaseException.__setstate__ else setstate


def _parts(state: Any) -> tuple[Any, Any]:
    """Attributes and slots."""
    return state if type(state) is tuple and len(state) == 2 else (state, None)


def _items(state: Any) -> Iterable[tuple[str, Any]]:
    if state is None:
        return ()
    if type(state) is not dict or any(type(name) is not str for name in state):
        raise TypeError("its state is no dictionary of attributes, and it has no __setstate__")
    return state.items()


def _check_attribute(cls: type, name: str, value: Any) -> None:
    if name.startswith("__") and name.endswith("__") and name != "__notes__":
        raise NotTrusted(f"an attribute {name} of {cls.__qualname__}, which is special to Python")
    if callable(value) and _is_method(cls, name):
        raise NotTrusted(
            f"an attribute {name!r} of {cls.__qualname__}, which would replace its method"
        )


def _is_method(cls: type, name: str) -> bool:
    return isinstance(getattr(cls, name, None), FunctionType | MethodType)


def _is_slot(cls: type, name: str) -> bool:
    if issubclass(cls, Persistable):
        return name in own_slots(cls)
    return type(getattr(cls, name, None)) is MemberDescriptorType


def describe(thing: Any) -> str:
    """What a thing is, for messages."""
    cls = thing if isinstance(thing, type) else type(thing)
    name = f"{cls.__module__}.{cls.__qualname__}"
    return name if thing is cls else f"a {name}"
