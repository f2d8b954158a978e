"""Reads pickles that may come from anybody.

Two readers. A state of builtin values, dates and decimals alone is read by pickle in C, which is
stopped at the first other name. Everything else is read by `_CarefulUnpickler`, operation by
operation: it carries out only those that `Writer` needs, and each of them in a checked way.
"""

from __future__ import annotations

import collections
import copyreg
import datetime
import decimal
import enum
import pickle
from collections.abc import Callable, Sequence
from io import BytesIO
from types import FunctionType, SimpleNamespace
from typing import Any, NoReturn

from gc3libs.persistence import standard_values, values
from gc3libs.persistence.instances import apply_state, describe, new_instance
from gc3libs.persistence.standard_values import construct
from gc3libs.persistence.trust import NotTrusted, find

_STAND_INS = "gc3libs.persistence.serialization"
_REFERENCE = object()
_NAMED = object()

RESTORERS: dict[tuple[str, str], Callable[..., Any]] = {
    (function.__module__, name): function
    for table in (standard_values.RESTORERS, values.RESTORERS)
    for name, function in table.items()
}
"""The functions that records may have called, by module and name."""

PLAIN_TYPES = frozenset(
    {
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        datetime.timezone,
        decimal.Decimal,
    }
)
"""Types that a pickle cannot change, nor call to any other effect than a new value."""

_IMMUTABLE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE
_PLAIN_NAMES = {
    (cls.__module__, cls.__qualname__): cls for cls in PLAIN_TYPES if cls.__flags__ & _IMMUTABLE
}

_Unpickler: Any = pickle._Unpickler  # C's has no dispatch table
_extensions: dict[int, Any] = copyreg._extension_cache  # type: ignore[attr-defined]  # objects that C's takes unseen
_DEEPEST = 1000
_LARGEST_KEY = 1_000_000
_SHALLOW = 10_000


class _Name(Exception):
    """The reader in C met a name."""


class _PlainUnpickler(pickle.Unpickler):
    __slots__ = ()

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _PLAIN_NAMES[module, name]
        except KeyError:
            raise _Name from None


def read(data: bytes, resolve: Callable[[str], Any]) -> Any:
    """The state that `Writer.bytes_of` wrote; `resolve` gives the object for an ID.

    Raises:
        NotTrusted: Reading it would touch something that is not on the lists.
        Exception: Whatever a damaged pickle makes pickle raise.
    """
    if (len(data) < _SHALLOW or _is_shallow(data)) and not _extensions:
        try:
            return _PlainUnpickler(BytesIO(data)).load()
        except _Name:
            pass
    return _CarefulUnpickler(data, resolve).load()


def _is_shallow(data: bytes) -> bool:
    """Whether no key in it can be a tuple so deep that hashing it overflows the stack."""
    tuples = sum(map(data.count, (pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)))
    return tuples + min(data.count(pickle.TUPLE), data.count(pickle.MARK)) < _SHALLOW


class _CarefulUnpickler(_Unpickler):  # type: ignore[misc]
    def __init__(self, data: bytes, resolve: Callable[[str], Any]) -> None:
        super().__init__(BytesIO(data))
        self._resolve = resolve
        self._without_state: dict[int, Any] = {}
        self._tuples: dict[int, tuple[Any, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == _STAND_INS and name in ("reference", "named"):
            return _REFERENCE if name == "reference" else _NAMED
        restorer = RESTORERS.get((module, name))
        return find(module, name) if restorer is None else restorer

    def _call(self, function: Any, args: Any) -> Any:
        if type(args) is not tuple:
            raise NotTrusted("a call without arguments")
        if function is _REFERENCE or function is _NAMED:
            if any(type(arg) is not str for arg in args):
                raise NotTrusted("a name that is no text")
            return self._resolve(*args) if function is _REFERENCE else find(*args)
        if type(function) is FunctionType:
            if RESTORERS.get((function.__module__, function.__name__)) is not function:
                raise NotTrusted(f"a call of {function.__module__}.{function.__qualname__}")
            return function(*args)
        return construct(function, args)

    def _load_reduce(self) -> None:
        args = self.stack.pop()
        made = self.stack[-1] = self._call(self.stack[-1], args)
        if isinstance(made, BaseException) or type(made) is SimpleNamespace:
            self._without_state[id(made)] = made

    def _load_newobj(self) -> None:
        args = self.stack.pop()
        made = self.stack[-1] = new_instance(self.stack[-1], args)
        self._without_state[id(made)] = made
        if isinstance(made, tuple):
            self._check_depth(made, args)

    def _load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if self._without_state.pop(id(target), None) is not target:
            raise NotTrusted(f"a change of {describe(target)}")
        apply_state(target, state)

    def _load_append(self) -> None:
        item = self.stack.pop()
        self._extend([item])

    def _load_appends(self) -> None:
        self._extend(self.pop_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, enum.Enum):
            raise NotTrusted(f"items for {describe(target)}")
        if isinstance(target, list):
            list.extend(target, items)
        elif isinstance(target, collections.deque):
            collections.deque.extend(target, items)
        else:
            raise NotTrusted(f"items for {describe(target)}")

    def _load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def _load_setitems(self) -> None:
        self._set_items(self.pop_mark())

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or isinstance(target, enum.Enum):
            raise NotTrusted(f"items for {describe(target)}")
        ordered = isinstance(target, collections.OrderedDict)
        setitem: Any = collections.OrderedDict.__setitem__ if ordered else dict.__setitem__
        for key, value in zip(items[::2], items[1::2], strict=True):
            _check_key(key)
            setitem(target, key, value)

    def _load_additems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if type(target) is not set:
            raise NotTrusted(f"items for {describe(target)}")
        for item in items:
            _check_key(item)
        target.update(items)

    def _load_frozenset(self) -> None:
        items = self.pop_mark()
        for item in items:
            _check_key(item)
        self.append(frozenset(items))

    def _load_tuple(self) -> None:
        self._append_tuple(self.pop_mark())

    def _load_tuple1(self) -> None:
        self._append_last(1)

    def _load_tuple2(self) -> None:
        self._append_last(2)

    def _load_tuple3(self) -> None:
        self._append_last(3)

    def _append_last(self, count: int) -> None:
        items = self.stack[-count:]
        del self.stack[-count:]
        if len(items) < count:
            raise pickle.UnpicklingError("a tuple of more items than there are")
        self._append_tuple(items)

    def _append_tuple(self, items: Sequence[Any]) -> None:
        made = tuple(items)
        self._check_depth(made, made)
        self.append(made)

    def _check_depth(self, made: Any, items: Sequence[Any]) -> None:
        """Hashing a tuple recurses in C, where nothing stops it before the stack overflows."""
        below = (
            self._tuples.get(id(item), (item, 1))[1] for item in items if isinstance(item, tuple)
        )
        depth = 1 + max(below, default=0)
        if depth > _DEEPEST:
            raise NotTrusted("tuples that are nested without end")
        if depth > 1:
            self._tuples[id(made)] = (made, depth)

    def _load_bytearray(self) -> None:
        length = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self.read(length)))  # pickle's own makes room before it reads

    def _refuse(self) -> NoReturn:
        raise NotTrusted("an operation that is never written here")

    dispatch = {
        **dict.fromkeys(range(256), _refuse),
        **{
            operation[0]: _Unpickler.dispatch[operation[0]]
            for operation in (
                *(
                    pickle.PROTO,
                    pickle.FRAME,
                    pickle.STOP,
                    pickle.MARK,
                    pickle.POP,
                    pickle.POP_MARK,
                ),
                *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BINFLOAT),
                *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.LONG4),
                *(pickle.SHORT_BINBYTES, pickle.BINBYTES, pickle.BINBYTES8),
                *(pickle.SHORT_BINUNICODE, pickle.BINUNICODE, pickle.BINUNICODE8),
                *(pickle.EMPTY_TUPLE, pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET),
                *(pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.MEMOIZE),
                *(pickle.BINPUT, pickle.LONG_BINPUT, pickle.BINGET, pickle.LONG_BINGET),
            )
        },
        pickle.REDUCE[0]: _load_reduce,
        pickle.NEWOBJ[0]: _load_newobj,
        pickle.BUILD[0]: _load_build,
        pickle.APPEND[0]: _load_append,
        pickle.APPENDS[0]: _load_appends,
        pickle.SETITEM[0]: _load_setitem,
        pickle.SETITEMS[0]: _load_setitems,
        pickle.ADDITEMS[0]: _load_additems,
        pickle.FROZENSET[0]: _load_frozenset,
        pickle.TUPLE[0]: _load_tuple,
        pickle.TUPLE1[0]: _load_tuple1,
        pickle.TUPLE2[0]: _load_tuple2,
        pickle.TUPLE3[0]: _load_tuple3,
        pickle.BYTEARRAY8[0]: _load_bytearray,
    }


def _check_key(key: Any) -> None:
    """See that hashing a key comes to an end: tuples share parts, and hashing visits each again."""
    level = {id(key): (key, 1)} if isinstance(key, tuple) else {}
    total = 0
    while level:
        below: dict[int, tuple[Any, int]] = {}
        for parent, times in level.values():
            total += times * len(parent)
            for item in parent:
                if isinstance(item, tuple):
                    below[id(item)] = (item, times + below.get(id(item), (item, 0))[1])
        if total > _LARGEST_KEY:
            raise NotTrusted("a key that is nested without end")
        level = below
