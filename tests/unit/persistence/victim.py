"""A user's script, as records may name it: whatever acts when it is called says so in `MARKS`."""

from __future__ import annotations

import collections
import dataclasses
import enum
import subprocess
from os import system  # noqa: F401
from shutil import rmtree  # noqa: F401
from typing import Any, NamedTuple

from gc3libs.persistence.persistable import Persistable

MARKS: list[str] = []


def act(*args: Any, **kwargs: Any) -> str:
    MARKS.append(f"act{args}")
    return "acted"


class Plain:
    def method(self) -> str:
        return "mine"


class Acting:
    """Everything that an unpickler might call."""

    def __init__(self, *args: Any) -> None:
        act("__init__", args)

    def __call__(self, *args: Any) -> None:
        act("__call__", args)

    def __getattr__(self, name: str) -> Any:
        act("__getattr__", name)
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        act("__setattr__", name)

    def __setitem__(self, key: Any, value: Any) -> None:
        act("__setitem__", key)

    def append(self, item: Any) -> None:
        act("append", item)

    def extend(self, items: Any) -> None:
        act("extend", items)

    def add(self, item: Any) -> None:
        act("add", item)

    def __eq__(self, other: object) -> bool:
        act("__eq__")
        return True

    __hash__ = object.__hash__

    @property
    def value(self) -> Any:
        return None

    @value.setter
    def value(self, value: Any) -> None:
        act("value", value)


class ActingList(list):  # type: ignore[type-arg]
    append = extend = Acting.append  # type: ignore[assignment]


class ActingDict(dict):  # type: ignore[type-arg]
    __setitem__ = Acting.__setitem__  # type: ignore[assignment]


class ActingSet(set):  # type: ignore[type-arg]
    add = update = Acting.append  # type: ignore[assignment]


class ActingTuple(collections.namedtuple("ActingTuple", "a b")):
    def __new__(cls, *args: Any) -> ActingTuple:
        act("__new__", args)
        return super().__new__(cls, *args)


class ActingText(str):
    def __new__(cls, *args: Any) -> ActingText:
        act("__new__", args)
        return super().__new__(cls, *args)


class ActingNew:
    def __new__(cls, *args: Any) -> ActingNew:
        if args:
            act("__new__", args)
        return super().__new__(cls)


class ActingError(Exception):
    def __init__(self, *args: Any) -> None:
        act("__init__", args)

    def __setattr__(self, name: str, value: Any) -> None:
        act("__setattr__", name)


class Meta(type):
    def __call__(cls, *args: Any) -> Any:
        act("Meta.__call__", args)
        return super().__call__(*args)

    def __setattr__(cls, name: str, value: Any) -> None:
        act("Meta.__setattr__", name)


class WithMeta(metaclass=Meta):
    pass


class Slots:
    __slots__ = ("a",)

    @property
    def b(self) -> Any:
        return None

    @b.setter
    def b(self, value: Any) -> None:
        act("b", value)


class Reduced:
    def __reduce__(self) -> Any:
        return act, ()


class Arguments:
    def __getnewargs_ex__(self) -> Any:
        return (), {}


class Finalizer:
    path = ""

    def __del__(self) -> None:
        if self.path:
            act("__del__", self.path)


class FinalizerError(Exception):
    path = ""

    def __del__(self) -> None:
        if self.path:
            act("__del__", self.path)


class Process(subprocess.Popen):  # type: ignore[type-arg]
    pass


class Colour(enum.Enum):
    RED = 1
    BLUE = 2

    @classmethod
    def _missing_(cls, value: object) -> Any:
        act("_missing_", value)
        return cls.RED


class Bits(enum.Flag):
    A = 1
    B = 2

    @classmethod
    def _missing_(cls, value: object) -> Any:
        act("_missing_", value)
        return cls.A


class Table(dict, enum.Enum):  # type: ignore[type-arg]
    ONE = {"a": 1}


class Words(list, enum.Enum):  # type: ignore[type-arg]
    ONE = ["a"]


class Pair(NamedTuple):
    left: Any


@dataclasses.dataclass(frozen=True)
class Box:
    inside: Any


class Job(Persistable):
    def append(self, item: Any) -> None:
        act("append", item)

    def add(self, item: Any) -> None:
        act("add", item)

    def __setitem__(self, key: Any, value: Any) -> None:
        act("__setitem__", key)

    def __setstate__(self, state: Any) -> None:
        act("__setstate__", state)


class Quiet(Persistable):
    pass


class Liar:
    pass


Liar.__module__ = "os"
Renamed = Plain
instance = Acting.__new__(Acting)
decorated = property(act)
