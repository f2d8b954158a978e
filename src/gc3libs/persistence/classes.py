"""Which classes of objects a store keeps."""

from __future__ import annotations

from typing import Any

from gc3libs.exceptions import SaveError
from gc3libs.persistence.instances import check_attributes
from gc3libs.persistence.naming import class_name
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.trust import (
    ACTS_AT_ITS_END,
    MADE_WITH_ARGUMENTS,
    NotTrusted,
    find,
    needs_arguments,
)

_REBUILDERS = ("__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__")

_checked: dict[type, bool] = {}
"""Classes whose objects can be kept, and whether the items of their states become attributes."""


def check_class(cls: type) -> None:
    """See that objects of `cls` can be saved and will be found again.

    Raises:
        SaveError: They cannot, or would not; says why.
    """
    if cls in _checked:
        return
    for name in _REBUILDERS:
        if getattr(cls, name, None) is not getattr(object, name, None):
            raise SaveError(
                cls.__qualname__,
                f"it defines {name}, which reading a session must not run; use __getstate__ and"
                " __setstate__",
            )
    reason = _why_refused(cls)
    if reason:
        raise SaveError(cls.__qualname__, reason)
    module, _, qualname = class_name(cls).partition(":")
    try:
        found = find(module, qualname)
    except NotTrusted as err:
        raise SaveError(cls.__qualname__, str(err)) from None
    if found is not cls:
        raise SaveError(
            cls.__qualname__, f"{module}.{qualname} is another class: it would be loaded instead"
        )
    _checked[cls] = _sets_attributes(cls)


def check_state(cls: type, state: Any) -> None:
    """See that an object of a class, which was checked, can be given this state.

    Raises:
        NotTrusted, TypeError: It cannot; says why.
    """
    if _checked[cls]:
        check_attributes(cls, state)


def _why_refused(cls: type) -> str:
    """Why no record may have an object of this class made; empty if it may."""
    if hasattr(cls, "__del__"):
        return ACTS_AT_ITS_END
    return MADE_WITH_ARGUMENTS if needs_arguments(cls) else ""


def _sets_attributes(cls: type) -> bool:
    setstate = getattr(cls, "__setstate__", None)
    return setstate is None or setstate.__module__.partition(".")[0] == "gc3libs"


def class_of(name: str) -> type[Persistable]:
    """The class recorded as "module:qualname".

    Raises:
        NotTrusted: It cannot be had, or is no class of objects that a store keeps.
    """
    module, _, qualname = name.partition(":")
    found = find(module, qualname)
    if not isinstance(found, type) or not issubclass(found, Persistable):
        raise NotTrusted(f"{module}.{qualname} is no class of tasks")
    reason = _why_refused(found)
    if reason:
        raise NotTrusted(f"{module}.{qualname}: {reason}")
    return found
