"""Functions that look something up in an object, written like the look-up itself.

    >>> from gc3libs.persistence.accessors import GET, GetValue
    >>> from types import SimpleNamespace
    >>> task = SimpleNamespace(execution=SimpleNamespace(returncode=0), sizes={"n": [4, 8]})
    >>> GET.execution.returncode(task), GET.sizes["n"][1](task)
    (0, 8)
    >>> GetValue(default=-1).execution.exitcode(task)
    -1

They are meant for the additional columns of a database: ``extra_fields={column: GET.jobname}``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

Accessor = Callable[[Any], Any]

_RAISE: Final = object()
_MISSING = (AttributeError, KeyError, IndexError)


def _identity(value: Any) -> Any:
    return value


class GetValue:
    """What the look-ups written behind it find in an object.

    Each attribute and item adds one to those before; the result is called with the object. Names
    that start with an underscore cannot be looked up.

    Args:
        default: The result where something is missing; without it, the error is raised.
    """

    __slots__ = ("_default", "_steps")

    def __init__(self, default: Any = _RAISE, *, _steps: tuple[Accessor, ...] = ()) -> None:
        self._default = default
        self._steps = _steps

    def _then(self, step: Accessor) -> GetValue:
        return GetValue(self._default, _steps=(*self._steps, step))

    def __getattr__(self, name: str) -> GetValue:
        if name.startswith("_"):
            raise AttributeError(f"cannot look up {name!r}: it starts with an underscore")
        return self._then(operator.attrgetter(name))

    def __getitem__(self, place: Any) -> GetValue:
        return self._then(operator.itemgetter(place))

    def __call__(self, obj: Any) -> Any:
        try:
            for step in self._steps:
                obj = step(obj)
        except _MISSING:
            if self._default is _RAISE:
                raise
            return self._default
        return obj

    def ONLY(self, cls: type | tuple[type, ...]) -> GetOnly:
        """The same for instances of a class; the default, or None, for all others."""
        return GetOnly(cls, self, None if self._default is _RAISE else self._default)


class GetOnly:
    """A function of the instances of a class; the default for all others.

    Args:
        cls: The class, or several of them.
        xform: The function; the object itself if not given.
        default: The result for other objects.
    """

    __slots__ = ("_cls", "_default", "_xform")

    def __init__(
        self, cls: type | tuple[type, ...], xform: Accessor = _identity, default: Any = None
    ) -> None:
        self._cls = cls
        self._xform = xform
        self._default = default

    def __call__(self, obj: Any) -> Any:
        return self._xform(obj) if isinstance(obj, self._cls) else self._default


class GetAttributeValue:
    """The value of an attribute; ``"a.b"`` is that of attribute ``b`` of attribute ``a``.

    Args:
        name: The attribute.
        xform: A function applied to the value.
        default: The result where an attribute is missing; without it, the error is raised.
    """

    __slots__ = ("_get",)

    def __init__(self, name: str, xform: Accessor = _identity, default: Any = _RAISE) -> None:
        self._get = GetValue(default, _steps=(operator.attrgetter(name), xform))

    def __call__(self, obj: Any) -> Any:
        return self._get(obj)


class GetItemValue:
    """The item at a place, which is an index or a key.

    Args:
        place: The index or key.
        xform: A function applied to the item.
        default: The result where there is none; without it, the error is raised.
    """

    __slots__ = ("_get",)

    def __init__(self, place: Any, xform: Accessor = _identity, default: Any = _RAISE) -> None:
        self._get = GetValue(default, _steps=(operator.itemgetter(place), xform))

    def __call__(self, obj: Any) -> Any:
        return self._get(obj)


GET: Final = GetValue()
