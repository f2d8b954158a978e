"""What can be an attribute of a task, and what comes back."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import gc
import http
import importlib.resources
import io
import ipaddress
import itertools
import logging
import math
import os
import pathlib
import pickle
import random
import re
import signal
import socket
import string
import subprocess
import sys
import threading
import types
import uuid
import weakref
import zoneinfo
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc3libs.exceptions import LoadError, ObjectNotFound, SaveError
from gc3libs.persistence.instances import apply_state, check_state
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.serialization import (
    Writer,
    dumps_checked,
    loads_checked,
    read,
    refused_attributes,
)
from gc3libs.persistence.trust import NotTrusted
from gc3libs.quantity import Duration, Memory
from gc3libs.url import Url, UrlKeyDict, UrlValueDict


class Colour(enum.Enum):
    RED = 1
    GREEN = (0, 255, 0)
    ALIAS = 1  # noqa: PIE796


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    YES = "yes"


class Flags(enum.Flag):
    A = enum.auto()
    B = enum.auto()


class Bits(enum.IntFlag):
    READ = 4
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    label: str = dataclasses.field(default="", compare=False)

    class Unit(enum.Enum):
        METRE = "m"

    @dataclasses.dataclass
    class Inner:
        value: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: float


@dataclasses.dataclass(slots=True)
class Slotted:
    x: float
    y: list[int]


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlotted:
    x: float


class Pair(NamedTuple):
    left: Any
    right: Any = None


OldPair = collections.namedtuple("OldPair", "left right")


class PairWithMore(OldPair):
    pass


class _Equal:
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and object.__getstate__(self) == object.__getstate__(other)

    __hash__ = object.__hash__


class Plain(_Equal):
    def __init__(self, value: Any) -> None:
        self.value = value


class WithSlots(_Equal):
    __slots__ = ("_b", "a")

    def __init__(self, a: Any) -> None:
        self.a = a
        self._b = 2


class SlotsAndMore(WithSlots):
    def __init__(self, a: Any) -> None:
        super().__init__(a)
        self.more = 3


class WithPrivateSlot(_Equal):
    __slots__ = ("__secret",)

    def __init__(self) -> None:
        self.__secret = 1


class OwnState(_Equal):
    def __init__(self, value: Any) -> None:
        self.value = value
        self.derived = [value]

    def __getstate__(self) -> Any:
        return [self.value]

    def __setstate__(self, state: Any) -> None:
        (self.value,) = state
        self.derived = [self.value]


class Counting:
    def __getstate__(self) -> Any:
        return []

    def __setstate__(self, state: Any) -> None:
        self.given = [state]


class NothingToKeep(_Equal):
    def __getstate__(self) -> Any:
        return None


class Settings(dict):  # type: ignore[type-arg]
    pass


class Names(list):  # type: ignore[type-arg]
    pass


class Celsius(float):
    pass


class Text(str):
    note: str


class Number(int):
    pass


class Whole(complex):
    pass


class Row(tuple):  # type: ignore[type-arg]
    pass


class Data(bytes):
    pass


class Recent(collections.OrderedDict):  # type: ignore[type-arg]
    pass


class Boom(Exception):
    def __init__(self, code: int, *, hint: str = "") -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.hint = hint


class SlottedBoom(Boom):
    __slots__ = ("where",)


class Loud(OSError):
    pass


class Tracker(logging.Logger):
    pass


class _NoWay(type):
    pass


def objective(x: float) -> float:
    return x * x


def wrapped(x: float) -> float:
    return objective(x)


def _boom(*args: Any, **attributes: Any) -> Boom:
    error = Boom(7, hint="more")
    error.add_note("a note")
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


def _text() -> Text:
    text = Text("abc")
    text.note = "n"
    return text


UTC = datetime.UTC
ZURICH = zoneinfo.ZoneInfo("Europe/Zurich")

STANDARD: dict[str, Any] = {
    "builtins": {"a": [1, 2.5, None, True, "é", b"x", (1,), {2}, frozenset({3})], "b": 10**40},
    "nan": [math.inf, -0.0],
    "bytearray": bytearray(b"abc"),
    "complex": 1 + 2j,
    "range": range(1, 10, 3),
    "slice": slice(1, None, "x"),
    "ellipsis": [..., NotImplemented],
    "surrogates": "\udcff",
    "date": datetime.date(2026, 2, 28),
    "datetime": datetime.datetime(2026, 2, 28, 1, 2, 3, 4),
    "datetime utc": datetime.datetime(2026, 2, 28, tzinfo=UTC),
    "datetime zone": datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZURICH),
    "datetime offset": datetime.datetime(
        2026, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2), "X")
    ),
    "time": datetime.time(1, 2, tzinfo=UTC),
    "timedelta": datetime.timedelta(days=-3, microseconds=5),
    "zone": ZURICH,
    "path": pathlib.Path("/a/b c/../d"),
    "path here": pathlib.Path(),
    "pure path": pathlib.PurePosixPath("a"),
    "windows path": pathlib.PureWindowsPath(r"C:\a"),
    "decimal": [decimal.Decimal("1.50"), decimal.Decimal("NaN").copy_sign(decimal.Decimal(-1))][:1],
    "decimal inf": decimal.Decimal("-Infinity"),
    "fraction": fractions.Fraction(-7, 3),
    "uuid": uuid.UUID(int=12345),
    "pattern": re.compile(r"a(?i:b)+", re.MULTILINE),
    "pattern of bytes": re.compile(rb"\d+"),
    "regular expression flag": re.IGNORECASE | re.MULTILINE,
    "namespace": types.SimpleNamespace(a=1, b=[2]),
    "arguments": argparse.Namespace(beta=1.5),
    "chain map": collections.ChainMap({"a": 1}, {"b": 2}),
    "deque": collections.deque([1, 2, 3], maxlen=5),
    "deque without end": collections.deque(),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "defaultdict of nothing": collections.defaultdict(None, a=1),
    "counter": collections.Counter("abca"),
    "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
    "addresses": [
        ipaddress.ip_address("10.0.0.1"),
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_interface("::1/64"),
    ],
    "signal": signal.SIGTERM,
    "http": http.HTTPStatus.OK,
    "memory": Memory("2 GB"),
    "duration": Duration("3h"),
    "url": Url("http://localhost:8080/a?b#c"),
    "url dictionaries": [UrlKeyDict({"/a": "b"}), UrlValueDict({"a": "/b"})],
    "types": [int, dict, object, datetime.datetime, pathlib.Path, decimal.Decimal, ValueError],
    "types of gc3libs": [Memory, Persistable, LoadError],
    "logger": [logging.getLogger("values.test"), logging.getLogger()],
}

USERS: dict[str, Any] = {
    "enum": [Colour.RED, Colour.GREEN, Colour.ALIAS],
    "int enum": Level.LOW,
    "str enum": Word.YES,
    "nested enum": Point.Unit.METRE,
    "flags": [Flags.A, Flags.A | Flags.B, Flags(0), ~Flags.A],
    "int flags": [Bits.READ | Bits.WRITE, Bits(0), Bits(64 + 4)],
    "dataclass": Point(1.0, 2.0, "z"),
    "nested class": Point.Inner([1]),
    "frozen": Frozen(1.0),
    "slots": Slotted(1.0, [1]),
    "frozen with slots": FrozenSlotted(2.0),
    "named tuple": Pair(1, [2]),
    "old named tuple": OldPair(1, OldPair(2, 3)),
    "named tuple, derived": PairWithMore(1, 2),
    "plain": Plain({"a": Plain(1)}),
    "own slots": WithSlots([1]),
    "slots and more": SlotsAndMore([1]),
    "private slot": WithPrivateSlot(),
    "own state": OwnState(5),
    "nothing to keep": NothingToKeep(),
    "derived containers": [Settings(a=1), Names([1, 2]), Recent(b=1, a=2)][:2],
    "derived atoms": [Celsius(3.5), Number(7), Whole(1j), Row((1, 2)), Data(b"x")],
    "derived text": _text(),
    "classes": [Point, Point.Inner, Colour, Pair, _NoWay],
    "functions": [objective, wrapped, Plain.__init__],
    "keys": {Frozen(1.0): 1, Colour.RED: 2, Pair(1, 2): 3, (1, (2, "x")): 4},
}

NUMPY: dict[str, Any] = {
    "array": np.arange(6).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(10)[::2],
    "transposed": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "broadcast": np.broadcast_to(np.arange(3), (2, 3)),
    "without dimensions": np.array(5.0),
    "empty": np.zeros((0, 3)),
    "strings": np.array(["a", "bcd", "é"]),
    "bytes": np.array([b"x", b"yz"]),
    "dates": np.array(["2020-01-01", "NaT"], "M8[D]"),
    "differences": np.array([1], "m8[10us]"),
    "booleans": np.array([True, False]),
    "complex": np.array([1 + 2j], "c8"),
    "big endian": np.arange(3, dtype=">i4"),
    "half": np.float16([1.5]),
    "long double": np.longdouble([1.5]),
    "structured": np.array([(1, "a", [1, 2])], dtype=[("a", "i4"), ("b", "U2"), ("c", "f8", (2,))]),
    "nested structure": np.zeros(2, dtype=[("a", [("b", "i1"), ("c", "f4")]), (("t", "d"), "i2")]),
    "aligned": np.zeros(2, np.dtype("i1,i4", align=True)),
    "objects": np.array([None, "x", {"a": 1}, Point(1.0)], dtype=object),
    "objects in a grid": np.array([[Colour.RED, 1], [2, ()]], dtype=object).T,
    "object": np.array(None),
    "large": np.zeros((300, 300)),
    "scalars": [np.float64(1.5), np.int8(-3), np.bool_(True), np.complex64(1j), np.longdouble(2)],
    "times": [np.datetime64("2020-01-01T00:00", "25s"), np.timedelta64(3, "D")],
    "texts": [np.str_("é"), np.bytes_(b"x"), np.str_(""), np.bytes_(b"")],
    "dtypes": [np.dtype("f4"), np.dtype(object), np.dtype("M8[ms]"), np.dtype([("a", "i4")])],
    "scalar types": [np.float32, np.int64, np.bool_, np.str_, np.datetime64, np.longlong],
}

_INDEX = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", None])
_FRAME = pd.DataFrame(
    {
        "whole": [1, 2],
        "text": ["x", None],
        "float": [1.0, None],
        "zone": pd.date_range("2020", periods=2, tz="Europe/Zurich"),
        "category": pd.Categorical(["p", "q"]),
        "gaps": pd.array([1, None], dtype="Int64"),
        "objects": [[1], {"a": 1}],
        "difference": pd.to_timedelta([1, 2], unit="s"),
        "boolean": pd.array([True, None], dtype="boolean"),
        "string": pd.array(["a", None], dtype="string"),
    }
)
_FRAME.attrs["unit"] = "m"

PANDAS: dict[str, Any] = {
    "frame": _FRAME,
    "empty frame": pd.DataFrame(),
    "frame without columns": pd.DataFrame(index=[1, 2]),
    "frame without rows": pd.DataFrame({"a": []}),
    "matrix": pd.DataFrame(np.eye(3), columns=list("abc")),
    "dated": pd.DataFrame(np.eye(3), index=pd.date_range("2020", periods=3, freq="D")),
    "same names": pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
    "levels": pd.DataFrame(
        np.arange(8.0).reshape(4, 2),
        index=_INDEX,
        columns=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)]),
    ),
    "booleans": pd.DataFrame({"a": [True, False], "b": [False, True]}),
    "aggregated": _FRAME.groupby("whole").agg({"float": ["mean", "sum"]}),
    "series": pd.Series([1, 2], name=("a", 1), dtype="int8"),
    "text": pd.Series(["a", None], index=["x", "y"]),
    "object text": pd.Series(np.array(["a", "b"], dtype=object), dtype=object),
    "nullable": pd.Series([1.5, None], dtype="Float32"),
    "empty series": pd.Series([], dtype=float),
    "index": pd.Index([1, 2], name="i"),
    "text index": pd.Index(["a"]),
    "object index": pd.Index(np.array(["a", 1], dtype=object)),
    "nullable index": pd.Index([1, None], dtype="Int64"),
    "range": pd.RangeIndex(2, 9, 3, name="r"),
    "multi index": _INDEX,
    "gaps in levels": pd.MultiIndex.from_tuples([("a", None), ("b", 1.0)]),
    "hours": pd.date_range("2020", periods=3, freq="h", tz="UTC"),
    "months": pd.date_range("2020", periods=3, freq="ME"),
    "differences": pd.timedelta_range("1D", periods=2),
    "categories": pd.CategoricalIndex(["a", "b", "a"], ordered=True, categories=["b", "a"]),
    "categorical": pd.Categorical(["a", None]),
    "array": pd.array([1, None]),
    "timestamp": pd.Timestamp("2020-10-25 00:30", tz="UTC").tz_convert("Europe/Zurich"),
    "seconds": pd.Timestamp(5, unit="s"),
    "timedelta": pd.Timedelta("1ns"),
    "missing": [pd.NaT, pd.NA],
}

ALL = {
    f"{kind}: {name}": value
    for kind, table in {
        "standard": STANDARD,
        "users": USERS,
        "numpy": NUMPY,
        "pandas": PANDAS,
    }.items()
    for name, value in table.items()
}


def assert_same(one: Any, other: Any) -> None:
    """Equal, and of the same type all the way down."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        if one.flags.forc:
            assert one.flags.f_contiguous == other.flags.f_contiguous
        if one.dtype == object:
            assert_same(one.tolist(), other.tolist())
        else:
            np.testing.assert_array_equal(one, other)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
        assert one.attrs == other.attrs
        assert getattr(one.index, "freq", None) == getattr(other.index, "freq", None)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
    elif isinstance(one, pd.Index):
        pd.testing.assert_index_equal(one, other, exact=True)
        assert getattr(one, "freq", None) == getattr(other, "freq", None)
    elif isinstance(one, pd.api.extensions.ExtensionArray):
        pd.testing.assert_extension_array_equal(one, other)
    elif one is pd.NA or one is pd.NaT:
        assert one is other
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    elif isinstance(one, enum.Enum):
        assert one is other
    else:
        assert one == other
        assert getattr(one, "unit", None) == getattr(other, "unit", None)


@pytest.mark.parametrize("name", ALL)
def test_comes_back_as_it_was(name: str) -> None:
    assert_same(ALL[name], loads_checked(dumps_checked(ALL[name])))


def test_all_at_once() -> None:
    back = loads_checked(dumps_checked(ALL))

    assert list(back) == list(ALL)
    for name, value in ALL.items():
        assert_same(value, back[name])


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x", 1),
        KeyError("k"),
        OSError(2, "No such file", "/a"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        ImportError("m", name="n", path="/p"),
        StopIteration(5),
        SystemExit(3),
        SyntaxError("bad", ("file", 1, 2, "text", 1, 3)),
        ExceptionGroup("many", [ValueError(1), _boom()]),
        ObjectNotFound("Task.1", "store"),
        SaveError("x", "y"),
        _boom(),
        Loud(13, "no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions(error: BaseException) -> None:
    back = loads_checked(dumps_checked(error))

    assert type(back) is type(error)
    assert str(back) == str(error)
    assert len(back.args) == len(error.args)
    assert vars(back) == vars(error)
    for name in ("errno", "filename", "name", "path", "value", "code", "lineno", "start"):
        assert getattr(back, name, None) == getattr(error, name, None)


def test_exception_is_not_made_anew() -> None:
    back = loads_checked(dumps_checked(_boom()))

    assert (back.code, back.hint, back.__notes__) == (7, "more", ["a note"])


def test_slots_of_exceptions() -> None:
    error = SlottedBoom(1)
    error.where = "there"

    assert loads_checked(dumps_checked(error)).where == "there"


def test_sharing_and_cycles_are_kept() -> None:
    shared: list[Any] = []
    shared.append(shared)
    plain = Plain(shared)
    plain.me = plain  # type: ignore[attr-defined]
    ring: dict[str, Any] = {}
    ring["tuple"] = (ring, plain)

    back = loads_checked(dumps_checked([shared, plain, ring]))

    assert back[0][0] is back[0] is back[1].value
    assert back[1].me is back[1]
    assert back[2]["tuple"][0] is back[2]
    assert back[2]["tuple"][1] is back[1]


def test_functions_are_kept_by_name() -> None:
    back = loads_checked(dumps_checked({"f": objective}))

    assert back["f"] is objective


def test_arrays_can_be_changed() -> None:
    back = loads_checked(dumps_checked({"small": np.arange(3), "read-only": NUMPY["broadcast"]}))

    back["small"][0] = 7
    back["read-only"][0, 0] = 7
    assert back["small"][0] == back["read-only"][0, 0] == 7


def test_large_array_is_written_once() -> None:
    array = np.zeros(1_000_000)

    assert len(dumps_checked(array)) < array.nbytes + 500


class _Local:
    def method(self) -> None: ...


def _closure() -> Any:
    def inner() -> None: ...

    return inner


class WithReduce:
    def __reduce__(self) -> Any:
        return (os.getcwd, ())


class WithNewArguments:
    def __getnewargs__(self) -> Any:
        return (1,)


class WithDel:
    def __del__(self) -> None:
        pass


class ErrorWithReduce(Exception):
    def __reduce__(self) -> Any:
        return (ErrorWithReduce, ())


class WithOddState:
    def __getstate__(self) -> Any:
        return [1]


class Shadowing:
    def method(self) -> None: ...


class MyFrame(pd.DataFrame):
    pass


class MySet(set):  # type: ignore[type-arg]
    pass


class MyPath(type(pathlib.Path())):  # type: ignore[misc]
    pass


class MyProcess(subprocess.Popen):  # type: ignore[type-arg]
    def __init__(self) -> None:
        pass


def _shadowing() -> Shadowing:
    shadowing = Shadowing()
    shadowing.method = objective  # type: ignore[assignment,method-assign]
    return shadowing


def _deep() -> Any:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


def _with_dunder() -> Plain:
    plain = Plain(1)
    vars(plain)["__class__"] = 1
    return plain


REFUSED: dict[str, tuple[Any, str]] = {
    "lambda": (lambda: 0, "lambda.*define a function"),
    "closure": (_closure(), "defined inside a function"),
    "bound method": (_Local().method, "bound method.*keep the object"),
    "built-in function": (len, "built-in function.*keep its name"),
    "built-in method": ([].append, "built-in function"),
    "partial": (functools.partial(objective, 1), "partial.*keep the function and its arguments"),
    "module": (os, "a module"),
    "file in memory": (io.StringIO(), "open file.*keep its path"),
    "generator": ((x for x in ()), "generator.*keep a list"),
    "lock": (threading.Lock(), "lock.*__getstate__"),
    "thread": (threading.current_thread(), "thread.*__getstate__"),
    "iterator": (iter([]), "list_iterator"),
    "count": (itertools.count(), "itertools.count"),
    "view": ({}.keys(), "dict_keys"),
    "memoryview": (memoryview(b""), "memoryview.*bytes"),
    "weak reference": (weakref.ref(Colour), "weak reference"),
    "nothing in particular": (object(), "not one of the builtin values"),
    "type of None": (type(None), "NoneType"),
    "random": (random.Random(), "Random"),
    "template": (string.Template("x"), "string.Template"),
    "socket type": (socket.socket, "not one of the standard library's"),
    "alias": (list[int], "GenericAlias"),
    "proxy": (types.MappingProxyType({}), "mappingproxy"),
    "own reduce": (WithReduce(), "__reduce__.*__getstate__"),
    "own arguments": (WithNewArguments(), "__getnewargs__"),
    "finalizer": (WithDel(), "__del__"),
    "exception with reduce": (ErrorWithReduce(), "__reduce__"),
    "odd state": (WithOddState(), "no dictionary"),
    "shadowed method": (_shadowing(), "would replace"),
    "special name": (_with_dunder(), "special to Python"),
    "derived frame": (MyFrame({"a": [1]}), "MyFrame.*__setstate__"),
    "derived set": (MySet([1]), "set.__reduce__"),
    "derived path": (MyPath("a"), "__reduce__"),
    "process": (MyProcess(), "__del__"),
    "defaultdict of function": (collections.defaultdict(objective), "factory"),
    "deep": (_deep(), "too deep"),
    "task": (Persistable(), "a task"),
    "class of an installed package": (st.SearchStrategy, 'gc3libs.trust\\("hypothesis"\\)'),
    "object of an installed package": (pytest.raises(ValueError), 'gc3libs.trust\\("_pytest"\\)'),
    "long pattern": (re.compile("a" * 20_000), "longer"),
    "long logger": (logging.Logger("a" * 2000), "longer"),
    "numpy matrix": (np.asarray([1]).view(np.rec.recarray), "recarray"),
    "numpy masked": (np.ma.array([1]), "data and its mask"),
    "numpy random": (np.random.default_rng(1), "bit_generator.state"),
    "numpy strings": (np.array(["a"], dtype=np.dtypes.StringDType()), "dtype"),
    "numpy objects in structure": (np.zeros(1, [("a", "O")]), "dtype"),
    "numpy nothing": (np.zeros(2, "V0"), "no size"),
    "numpy function": (np.sin, "ufunc"),
    "numpy class": (np.ndarray, "ndarray"),
    "pandas period": (pd.Period("2020"), "Period"),
    "pandas sparse": (pd.Series(pd.arrays.SparseArray([0, 1])), "Sparse"),
    "pandas interval": (pd.interval_range(0, 2), "IntervalIndex of dtype interval"),
    "pandas calendar": (
        pd.date_range(
            "2020", periods=3, freq=pd.offsets.CustomBusinessDay(holidays=["2020-01-02"])
        ),
        "freq",
    ),
    "pandas class": (pd.DataFrame, "DataFrame"),
    "pandas grouped": (_FRAME.groupby("whole"), "DataFrameGroupBy"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_when_it_is_saved(name: str) -> None:
    value, words = REFUSED[name]

    with pytest.raises(SaveError) as caught:
        dumps_checked({"attribute": value})

    assert re.search(words, str(caught.value)), str(caught.value)


def test_refused_where_it_is_nested() -> None:
    with pytest.raises(SaveError, match="lambda"):
        dumps_checked(Plain([{"a": (Point(lambda: 0),)}]))  # type: ignore[arg-type]


def test_open_files_and_sockets_are_refused(tmp_path: pathlib.Path) -> None:
    with (tmp_path / "f").open("w") as file, pytest.raises(SaveError, match="open file"):
        dumps_checked(file)
    with socket.socket() as sock, pytest.raises(SaveError, match=r"socket"):
        dumps_checked(sock)


def test_zones_of_files_are_refused() -> None:
    data = importlib.resources.files("tzdata.zoneinfo").joinpath("UTC").read_bytes()

    with pytest.raises(SaveError, match="made from a file"):
        dumps_checked(zoneinfo.ZoneInfo.from_file(io.BytesIO(data)))


def test_refusals_name_attributes() -> None:
    state = ({"fine": 1, "callback": lambda: 0}, {"lock": threading.Lock()})

    refused = dict(refused_attributes(state, str))

    assert sorted(refused) == ["callback", "lock"]
    assert "lambda" in str(refused["callback"])


def test_no_attributes_no_refusals() -> None:
    assert list(refused_attributes([lambda: 0], str)) == []


def test_writer_goes_on_after_a_refusal() -> None:
    writer = Writer(str)
    first = writer.bytes_of({"a": 1})
    with pytest.raises(SaveError):
        writer.bytes_of([lambda: 0])

    assert writer.bytes_of({"a": 1}) == first


def test_a_value_that_fails_is_a_refusal() -> None:
    class Failing(Plain):
        def __getstate__(self) -> Any:
            raise RuntimeError("not now")

    Failing.__qualname__ = "Failing"
    globals()["Failing"] = Failing
    try:
        with pytest.raises(SaveError, match="RuntimeError: not now"):
            dumps_checked(Failing(1))
    finally:
        del globals()["Failing"]


def test_references() -> None:
    task, other = Persistable(), Persistable()
    ids = {id(task): "Task.1", id(other): "Task.2"}
    writer = Writer(lambda obj: ids[id(obj)])

    data = writer.bytes_of({"parent": task, "all": [task, other]})
    back = read(data, {"Task.1": task, "Task.2": other}.__getitem__)

    assert back["parent"] is back["all"][0] is task
    assert back["all"][1] is other


def test_class_that_was_defined_again_is_told() -> None:
    old = Plain(1)
    try:
        globals()["Plain"] = type("Plain", (), {"__module__": __name__})
        with pytest.raises(SaveError, match="another object"):
            dumps_checked(old)
    finally:
        globals()["Plain"] = type(old)


def test_fields_that_a_named_tuple_has_got_since(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dumps_checked(Pair(1, 2))
    wider: Any = collections.namedtuple("Pair", "left right top")
    wider.__module__ = __name__
    monkeypatch.setitem(globals(), "Pair", wider)
    with pytest.raises(NotTrusted, match="2 values for the fields"):
        loads_checked(data)

    wider._field_defaults["top"] = 3
    assert loads_checked(data) == (1, 2, 3)


def test_empty_states_are_given_to_who_asks_for_them() -> None:
    assert loads_checked(dumps_checked(Counting())).given == [[]]


def test_new_instance_gets_its_state_past_its_class() -> None:
    slotted = WithSlots.__new__(WithSlots)

    apply_state(slotted, (None, {"a": 1, "_b": 2}))

    assert slotted == WithSlots(1)
    with pytest.raises(NotTrusted, match="no slot"):
        apply_state(slotted, (None, {"__class__": Plain}))
    with pytest.raises(TypeError):
        check_state(Plain, {1: 1})


def test_script_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job has the classes of its script by value, as those of its own `__main__`."""

    class Fit:
        pass

    Fit.__qualname__ = "Fit"
    Fit.__module__ = "__main__"
    data = dumps_checked([Fit(), Fit], script="sweep")
    script = types.ModuleType("sweep")
    script.__file__ = "/home/somebody/sweep.py"
    script.Fit = type("Fit", (), {"__module__": "sweep", "__qualname__": "Fit"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sweep", script)

    made, cls = loads_checked(data)

    assert type(made) is cls is script.Fit


def test_pickles_of_builtin_values_by_anybody() -> None:
    value = {"a": [1, (2.5, "x")], "b": {1, 2}, "c": None}

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        if protocol >= 4:  # earlier ones call for a set
            assert loads_checked(pickle.dumps(value, protocol)) == value
        assert loads_checked(pickle.dumps({"a": [1, 2.5]}, protocol)) == {"a": [1, 2.5]}


@pytest.mark.parametrize(
    ("module", "name", "args", "value"),
    [
        ("pathlib", "PosixPath", ("/", "a"), pathlib.PurePosixPath("/a")),
        ("pathlib._local", "PurePosixPath", ("/a",), pathlib.PurePosixPath("/a")),
        ("fractions", "Fraction", (1, 3), fractions.Fraction(1, 3)),
        ("fractions", "Fraction", ("1/3",), fractions.Fraction(1, 3)),
        (__name__, "Colour", (1,), Colour.RED),
        (__name__, "Flags", (3,), Flags.A | Flags.B),
        ("builtins", "ValueError", ("x",), None),
    ],
)
def test_what_other_versions_of_python_write(
    module: str, name: str, args: tuple[Any, ...], value: Any
) -> None:
    from .attacks import call

    back = loads_checked(call(module, name, *args))

    if value is not None:
        assert back == value


_ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from([Colour.RED, Frozen(1.0), Pair(1, 2), datetime.date(2020, 1, 1), 1j])
    | st.fractions()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.just(ZURICH))
)
_VALUES = st.recursive(
    _ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(_ATOMS, inner, max_size=4)
        | st.frozensets(_ATOMS, max_size=4)
        | st.builds(Plain, inner)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=20,
)


@given(_VALUES)
def test_whatever_is_made_of_these_comes_back(value: Any) -> None:
    assert_same(value, loads_checked(dumps_checked(value)))


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.sampled_from([*ALL.values(), *(each[0] for each in REFUSED.values())]),
    )
)
def test_what_is_saved_can_be_read(value: Any) -> None:
    try:
        data = dumps_checked(value)
    except SaveError:
        return
    back = loads_checked(data)

    assert list(back) == list(value)
    for name in value:
        assert_same(value[name], back[name])


def test_reading_and_writing_leave_nothing_behind() -> None:
    value = Plain([1])
    dumps_checked(value)
    seen = weakref.ref(loads_checked(dumps_checked(value)))

    gc.collect()

    assert seen() is None
