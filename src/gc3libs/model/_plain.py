"""Attributes that lie in an object's dictionary as builtin values until somebody looks at them.

So an object is made, pickled and loaded without a single `Url` or `Memory` being built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from gc3libs.quantity import Duration, Memory
from gc3libs.url import Url, UrlKeyDict, UrlValueDict

T = TypeVar("T")


class Kept(Generic[T]):
    """An attribute that is kept in plain form.

    Args:
        plain: Type of the plain form; no value that people see is exactly of this type, unless
            `thaw` gives it back as it is.
        thaw: Makes of the plain form what people see.
        freeze: The other way.
        accept: Turns what is assigned into either form, or raises.
        default: Makes the value of an attribute that was never set.
    """

    def __init__(
        self,
        plain: type,
        thaw: Callable[[Any], T],
        freeze: Callable[[T], Any],
        accept: Callable[[Any], Any],
        default: Callable[[], T],
    ) -> None:
        self._plain = plain
        self._thaw = thaw
        self._freeze = freeze
        self._accept = accept
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, obj: None, owner: type | None = None) -> Kept[T]: ...
    @overload
    def __get__(self, obj: object, owner: type | None = None) -> T: ...
    def __get__(self, obj: object, owner: type | None = None) -> Kept[T] | T:
        if obj is None:
            return self
        attributes = obj.__dict__
        try:
            value = attributes[self.name]
        except KeyError:
            value = self._default()
            if value is not None:
                attributes[self.name] = value
            return value
        if type(value) is self._plain:
            value = attributes[self.name] = self._thaw(value)
        return value  # type: ignore[no-any-return]

    def __set__(self, obj: object, value: Any) -> None:
        obj.__dict__[self.name] = self._accept(value)

    def __delete__(self, obj: object) -> None:
        try:
            del obj.__dict__[self.name]
        except KeyError:
            raise AttributeError(self.name) from None

    def frozen(self, value: Any) -> Any:
        """The plain form of a value that is in either form."""
        return value if type(value) is self._plain else self._freeze(value)


class shown(Generic[T]):  # used as `property` is
    """A property that gives way to an attribute of its name, as scripts may have one."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, obj: None, owner: type | None = None) -> shown[T]: ...
    @overload
    def __get__(self, obj: object, owner: type | None = None) -> T: ...
    def __get__(self, obj: object, owner: type | None = None) -> shown[T] | T:
        return self if obj is None else self._compute(obj)


def kept_in(cls: type) -> tuple[Kept[Any], ...]:
    """The attributes of a class that are kept so."""
    found = {
        name: member
        for base in reversed(cls.__mro__)
        for name, member in vars(base).items()
        if isinstance(member, Kept)
    }
    return tuple(found.values())


def same(value: Any) -> Any:
    """The value itself."""
    return value


def nothing() -> None:
    """The default of an attribute that has none."""


def freeze_quantity(value: Memory | Duration | None) -> tuple[float, str] | None:
    """Amount and unit.

    >>> freeze_quantity(Memory("2 GB"))
    (2.0, 'GB')
    """
    return None if value is None else (value.amount(), value.name)


def thaw_memory(plain: tuple[float, str]) -> Memory:
    """The other way."""
    return Memory(plain[0], getattr(Memory, plain[1]))


def thaw_duration(plain: tuple[float, str]) -> Duration:
    """The other way."""
    return Duration(plain[0], getattr(Duration, plain[1]))


def plain_url(url: Url) -> str:
    """A path if it is local, else its text.

    >>> plain_url(Url("/data/a b")), plain_url(Url("http://example.org/a"))
    ('/data/a b', 'http://example.org/a')
    """
    return url.path if url.scheme == "file" and not url.netloc else str(url)


def freeze_inputs(inputs: UrlKeyDict | dict[Any, str]) -> dict[str, str]:
    """Path or URL -> name in the job's directory."""
    return {plain_url(Url(url, force_abs=False)): str(name) for url, name in inputs.items()}


def freeze_outputs(outputs: UrlValueDict | dict[str, Any]) -> dict[str, str]:
    """Name in the job's directory -> path or URL.

    Equal ones are one object, so that equal outputs have equal pickles.
    """
    plain = {}
    for name, url in outputs.items():
        place = plain_url(Url(url, force_abs=False))
        plain[str(name)] = name if place == name else place
    return plain


def thaw_outputs(plain: dict[str, str]) -> UrlValueDict:
    """The other way."""
    return UrlValueDict(plain)


def thaw_inputs(plain: dict[str, str]) -> UrlKeyDict:
    """The other way; look-up by a relative path works."""
    return UrlKeyDict(plain, force_abs=True)
