"""Values to bytes and back: pickle protocol 5, written so that nothing has to be called to read it.

`Writer` refuses what `read` would refuse, so that the author of a task hears of it first.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, NoReturn

from gc3libs.exceptions import SaveError
from gc3libs.persistence import values
from gc3libs.persistence.instances import check_kind, reduce_instance
from gc3libs.persistence.naming import qualified_name
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.reader import PLAIN_TYPES, RESTORERS, read
from gc3libs.persistence.standard_values import reduce_standard
from gc3libs.persistence.trust import NotTrusted, find

__all__ = [
    "Writer",
    "dumps_checked",
    "loads_checked",
    "named",
    "read",
    "reference",
    "refused_attributes",
]

PROTOCOL = 5


def reference(id_: str) -> NoReturn:
    """Stands in pickles for the object with this ID; a reader resolves it, nobody calls it."""
    raise RuntimeError(f"reference to {id_}")


def named(module: str, qualname: str) -> NoReturn:
    """Stands in pickles for a class or function of a script, under the name that it has elsewhere.

    A reader finds it; nobody calls this.
    """
    raise RuntimeError(f"{module}.{qualname}")


_NEVER_REDUCED: frozenset[Any] = frozenset({reference, named, *RESTORERS.values()})


class Writer(pickle.Pickler):
    """Writes states, one after the other; finds the objects that they refer to.

    Args:
        refer: Called with each `Persistable` met; returns its ID.
        script: For a process that has classes of a script by value only, as jobs have: the module
            name of that script. What is of `__main__` is written as the script's, unchecked.
    """

    def __init__(self, refer: Callable[[Persistable], str], script: str = "") -> None:
        self._buffer = io.BytesIO()
        super().__init__(self._buffer, protocol=PROTOCOL)
        self._refer = refer
        self._script = script
        self._recorded: dict[type, tuple[str, str]] = {}

    def bytes_of(self, state: Any) -> bytes:
        """The pickle of one state.

        Raises:
            SaveError: Something in it cannot be kept, or could not be read again.
        """
        buffer = self._buffer
        buffer.seek(0)
        buffer.truncate()
        self.clear_memo()
        try:
            self.dump(state)
        except SaveError:
            raise
        except RecursionError as err:
            raise SaveError(f"a {type(state).__qualname__}", "it is nested too deep") from err
        except Exception as err:  # whatever a value's own code raises while it is pickled
            reason = f"{type(err).__name__}: {err}"
            raise SaveError(f"a {type(state).__qualname__}", reason) from err
        return buffer.getvalue()

    def reducer_override(self, obj: Any) -> Any:
        """How pickle is to write what is no plain builtin value."""
        kind = type(obj)
        if kind in PLAIN_TYPES or (kind is type and obj in PLAIN_TYPES):
            return NotImplemented
        if isinstance(obj, Persistable):
            return reference, (self._refer(obj),)
        if isinstance(obj, type | FunctionType):
            return self._reduce_named(obj)
        reduced = reduce_standard(obj)
        if reduced is None:
            reduced = values.reduce_value(obj)
        if reduced is None:
            check_kind(obj)
            if kind not in self._recorded:
                self._recorded[kind] = self._recorded_name(kind, f"a {kind.__qualname__}")
            reduced = reduce_instance(obj)
        return reduced

    def _reduce_named(self, obj: type | FunctionType) -> Any:
        if isinstance(obj, FunctionType) and obj in _NEVER_REDUCED:
            return NotImplemented
        reduced = values.reduce_value(obj) if isinstance(obj, type) else None
        if reduced is not None:
            return reduced
        recorded = self._recorded.get(obj) if isinstance(obj, type) else None
        module, qualname = recorded or self._recorded_name(obj, obj.__qualname__)
        return NotImplemented if module == obj.__module__ else (named, (module, qualname))

    def _recorded_name(self, obj: type | FunctionType, what: str) -> tuple[str, str]:
        if "<lambda>" in obj.__qualname__:
            raise SaveError("a lambda", "it has no name; define a function at the top of a module")
        if self._script and obj.__module__ == "__main__" and "<locals>" not in obj.__qualname__:
            return self._script, obj.__qualname__
        module, _, qualname = qualified_name(obj).partition(":")
        try:
            found = find(module, qualname)
        except NotTrusted as err:
            raise SaveError(what, str(err)) from None
        if found is not obj:
            reason = f"{module}.{qualname} is another object than this one"
            raise SaveError(what, f"{reason}; is its module loaded twice?")
        return module, qualname


def _no_references(id_: str) -> NoReturn:
    raise NotTrusted(f"a reference to {id_} in a plain value")


def loads_checked(data: bytes) -> Any:
    """The plain value that `dumps_checked` wrote, read with the same care as a record.

    Raises:
        NotTrusted: Reading it would touch something that is not on the lists.
        Exception: Whatever a damaged pickle makes pickle raise.

    >>> loads_checked(dumps_checked({"beta": 1.5}))
    {'beta': 1.5}
    """
    return read(data, _no_references)


def _refuse_task(obj: Persistable) -> NoReturn:
    raise SaveError(f"a {type(obj).__qualname__}", "a task cannot be part of a plain value")


def dumps_checked(value: Any, script: str = "") -> bytes:
    """A plain value as bytes that `loads_checked` reads; `script` as for `Writer`.

    Raises:
        SaveError: It holds something that `loads_checked` would refuse.
    """
    return Writer(_refuse_task, script).bytes_of(value)


def refused_attributes(
    state: Any, refer: Callable[[Persistable], str]
) -> Iterable[tuple[str, SaveError]]:
    """Which attributes of a state cannot be kept, and why."""
    if isinstance(state, tuple) and len(state) == 2:
        state = {**(state[0] or {}), **(state[1] or {})}
    if not isinstance(state, dict):
        return
    writer = Writer(refer)
    for name, value in state.items():
        try:
            writer.bytes_of(value)
        except SaveError as err:
            yield str(name), err
